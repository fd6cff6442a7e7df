export { openThreadedLedger, type ThreadedLedgerOptions } from "./ledger.js";
export { Vouchers } from "./vouchers.js";
