import { EMBEDDED } from "../support/ground.js";
import { g7Source } from "./g7-source.js";

g7Source(EMBEDDED);
