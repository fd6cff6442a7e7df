import { g1, g1AfterCrash } from "../../guarantees/g1.js";
import { onFabric } from "../support/ground.js";

g1(onFabric("fabric-gateway"));
g1AfterCrash(onFabric("fabric-network"));
