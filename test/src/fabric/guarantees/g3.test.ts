import { g3 } from "../../guarantees/g3.js";
import { onFabric } from "../support/ground.js";

g3(onFabric("fabric-gateway"));
