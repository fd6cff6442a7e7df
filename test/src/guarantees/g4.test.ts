import { EMBEDDED } from "../support/ground.js";
import { g4 } from "./g4.js";

g4(EMBEDDED);
