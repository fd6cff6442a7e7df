import { g7 } from "../../guarantees/g7.js";
import { onFabric } from "../support/ground.js";

g7(onFabric("fabric-gateway"));
