import { EMBEDDED } from "../support/ground.js";
import { g10 } from "./g10.js";

g10(EMBEDDED);
