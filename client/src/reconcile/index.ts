/** Both ends of every access, compared offline. */
export { MISSING, type Missing, type Side, SIDES } from "./findings.js";
export { type Counts, type MissingItem } from "./join.js";
export {
  type NamedTrail,
  reconcile,
  type Reconciliation,
  type ReconciledTrail,
  type ReconcileOptions,
} from "./reconcile.js";
