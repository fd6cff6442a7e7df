import { g10 } from "../../guarantees/g10.js";
import { onFabric } from "../support/ground.js";

g10(onFabric("fabric-network"));
