import { EMBEDDED } from "../support/ground.js";
import { g7 } from "./g7.js";

g7(EMBEDDED);
