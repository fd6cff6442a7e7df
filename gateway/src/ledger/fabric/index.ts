export { CLIENTS, type ClientName } from "./clients.js";
export { type FabricLedger, type FabricLedgerOptions, openFabricLedger } from "./ledger.js";
export { type FabricProfile, readProfile } from "./profile.js";
export type { Roots } from "./mirror.js";
export { SUBMIT_STEPS, type SubmitStep } from "./submitting.js";
