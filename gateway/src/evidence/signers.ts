/** Who signed the commands of chains: their keys are needed to check them. */
import {
  type ChainKey,
  type CommandHeader,
  type FlattenedJws,
  fromBase64url,
  fromUtf8,
  partyOf,
} from "@quanji/chaincode/log";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { isShown } from "./withheld.js";

/** @param month of contracts: the only one whose commands are shown; default: all are */
export async function signersOf(
  index: LedgerIndex,
  keys: readonly ChainKey[],
  month?: string,
): Promise<ReadonlySet<string>> {
  const signers = new Set<string>();
  for (const key of keys) {
    for await (const { stored } of index.commands(key)) {
      if (isShown(key, stored, month)) signers.add(signerOf(stored.command));
    }
  }
  return signers;
}

/** The header was parsed strictly by the chaincode. */
export const signerOf = (command: FlattenedJws): string =>
  partyOf((JSON.parse(fromUtf8(fromBase64url(command.protected))) as CommandHeader).kid);
