import { EMBEDDED } from "../support/ground.js";
import { g6 } from "./g6.js";

g6(EMBEDDED);
