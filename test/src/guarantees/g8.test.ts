import { EMBEDDED } from "../support/ground.js";
import { g8 } from "./g8.js";

g8(EMBEDDED);
