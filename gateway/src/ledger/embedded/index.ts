export { type ChaincodeTable, type Report } from "./chaincode.js";
export { type SimulationMode } from "./endorser.js";
export { type Limits } from "./engine.js";
export { FSCK_CODES, type FsckCode, type FsckFault, type FsckProgress, type FsckReport } from "./fsck.js";
export { COMMIT_STEPS, type CommitStep, type Hooks, MAX_LAG, type Submission } from "./hooks.js";
export { type EmbeddedLedger, type EmbeddedLedgerOptions, openEmbeddedLedger } from "./ledger.js";
