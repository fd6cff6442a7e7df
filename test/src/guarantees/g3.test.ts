import { EMBEDDED } from "../support/ground.js";
import { g3 } from "./g3.js";

g3(EMBEDDED);
