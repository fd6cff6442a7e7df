import { isQuanjiError, type QuanjiError } from "@quanji/chaincode/domain";
import { LedgerError, type LedgerFault } from "../../ledger.js";

/** The LedgerError that `work` ends with. Throws if it ends otherwise. */
export async function faultOf(work: Promise<unknown>, fault: LedgerFault): Promise<LedgerError> {
  const error: unknown = await work.then(
    (value) => new Error(`no fault, but ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof LedgerError && error.fault === fault) return error;
  throw new Error(`expected ${fault}`, { cause: error });
}

/** The QuanjiError that `work` ends with. */
export async function quanjiErrorOf(work: Promise<unknown>): Promise<QuanjiError> {
  const error: unknown = await work.then(
    (value) => new Error(`no error, but ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (isQuanjiError(error)) return error;
  throw new Error("expected a QuanjiError", { cause: error });
}
