/** A place that follows from a name, so that a run can be repeated. */
import { hash } from "node:crypto";

/** From 0 to `bound` − 1. */
export const mixed = (name: string, bound: number): number => parseInt(hash("sha256", name).slice(0, 8), 16) % bound;
