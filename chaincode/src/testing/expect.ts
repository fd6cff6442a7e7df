/** Test support: assertions on codes. */
import { expect } from "chai";
import type { Code } from "../domain/index.js";
import { isQuanjiError, type QuanjiError } from "../domain/index.js";
import { refusal } from "./test-network.js";

/** The code of what a pure function throws. */
export function expectThrow(call: () => unknown, code: Code, detail?: string): QuanjiError {
  try {
    call();
  } catch (error) {
    if (!isQuanjiError(error)) throw error;
    expect(error.code, error.message).to.equal(code);
    if (detail !== undefined) expect(error.detail).to.equal(detail);
    return error;
  }
  throw new Error(`expected ${code}, and nothing was thrown`);
}

/** The code that left a contract as text. */
export async function expectRefusal(call: Promise<unknown>, code: Code, detail?: string): Promise<QuanjiError> {
  let thrown: unknown;
  try {
    await call;
  } catch (error) {
    thrown = error;
  }
  if (thrown === undefined) throw new Error(`expected ${code}, and nothing was refused`);
  const error = refusal(thrown);
  expect(error.code, error.message).to.equal(code);
  if (detail !== undefined) expect(error.detail).to.equal(detail);
  return error;
}
