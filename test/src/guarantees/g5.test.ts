import { EMBEDDED } from "../support/ground.js";
import { g5 } from "./g5.js";

g5(EMBEDDED);
