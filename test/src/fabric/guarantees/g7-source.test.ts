import { g7Source } from "../../guarantees/g7-source.js";
import { onFabric } from "../support/ground.js";

g7Source(onFabric("fabric-gateway"));
