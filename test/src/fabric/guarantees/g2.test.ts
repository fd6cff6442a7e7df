import { g2 } from "../../guarantees/g2.js";
import { onFabric } from "../support/ground.js";

g2(onFabric("fabric-network"));
g2(onFabric("fabric-gateway", "bft"));
