import { g4 } from "../../guarantees/g4.js";
import { onFabric } from "../support/ground.js";

g4(onFabric("fabric-network"));
g4(onFabric("fabric-gateway", "bft"));
