/** Which commands of a contract's chain a payee gets to see: those on the contract itself, and those on its own months. */
import { type ChainKey, fromBase64url, fromUtf8 } from "@quanji/chaincode/log";
import type { StoredCommand } from "@quanji/chaincode/world";

/** The month that a command on a contract is about; undefined of one on the contract itself. */
export function monthNamedBy({ command }: Pick<StoredCommand, "command">): string | undefined {
  // The chaincode has parsed it strictly.
  const payload = JSON.parse(fromUtf8(fromBase64url(command.payload))) as { readonly period?: string };
  return payload.period;
}

/** Whether a file that shows one month of a contract shows this command of the chain. Undefined: it shows all months. */
export function isShown(
  { kind }: ChainKey,
  stored: Pick<StoredCommand, "command">,
  month: string | undefined,
): boolean {
  if (kind !== "contract" || month === undefined) return true;
  const named = monthNamedBy(stored);
  return named === undefined || named === month;
}
