import { g5 } from "../../guarantees/g5.js";
import { onFabric } from "../support/ground.js";

g5(onFabric("fabric-gateway"));
g5(onFabric("fabric-gateway", "bft"));
