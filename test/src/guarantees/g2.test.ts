import { EMBEDDED } from "../support/ground.js";
import { g2 } from "./g2.js";

g2(EMBEDDED);
