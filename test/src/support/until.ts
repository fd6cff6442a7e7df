/** Waiting for what happens elsewhere, and for errors by their code. */
import { setTimeout as pause } from "node:timers/promises";
import { isQuanjiError, type QuanjiError } from "@quanji/chaincode/domain";
import { LedgerError, type LedgerFault } from "@quanji/gateway/testing";

/** Between two looks at a condition that no event announces. */
const LOOK_MS = 5;

/** The first answer that is not undefined. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(LOOK_MS);
  }
}

/** A promise and its end, to hold something back or to be told of it. */
export class Gate {
  readonly passed: Promise<void>;
  isOpen = false;
  open: () => void = () => undefined;

  constructor() {
    this.passed = new Promise((resolve) => {
      this.open = () => {
        this.isOpen = true;
        resolve();
      };
    });
  }
}

/** What `work` fails with. Throws if it does not. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await work;
  } catch (error) {
    return error;
  }
  throw new Error(`expected an error, got ${JSON.stringify(value)}`);
}

/** The QuanjiError of that code that `work` ends with. */
export async function refused(work: Promise<unknown>, code: string): Promise<QuanjiError> {
  const error = await failureOf(work);
  if (isQuanjiError(error) && error.code === code) return error;
  throw new Error(`expected ${code}, got ${String(error)}`, { cause: error });
}

/** The fault that a ledger ends `work` with. */
export async function faultOf(work: Promise<unknown>, fault: LedgerFault): Promise<LedgerError> {
  const error = await failureOf(work);
  if (error instanceof LedgerError && error.fault === fault) return error;
  throw new Error(`expected ${fault}, got ${String(error)}`, { cause: error });
}

/** Code of the chaincode's refusal that `work` ends with: nothing was ordered. */
export async function refusedBy(work: Promise<unknown>): Promise<string> {
  const { cause } = await faultOf(work, "REFUSED");
  if (isQuanjiError(cause)) return cause.code;
  throw new Error("the chaincode gave no code", { cause });
}
