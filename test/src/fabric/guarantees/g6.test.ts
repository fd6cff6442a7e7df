import { g6 } from "../../guarantees/g6.js";
import { onFabric } from "../support/ground.js";

g6(onFabric("fabric-gateway"));
g6(onFabric("fabric-gateway", "bft"));
