import { g8 } from "../../guarantees/g8.js";
import { onFabric } from "../support/ground.js";

g8(onFabric("fabric-gateway"));
g8(onFabric("fabric-gateway", "bft"));
