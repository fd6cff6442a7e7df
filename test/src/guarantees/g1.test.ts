import { EMBEDDED } from "../support/ground.js";
import { g1, g1AfterCrash } from "./g1.js";

g1(EMBEDDED);
g1AfterCrash(EMBEDDED);
