/** One transaction while it is applied: what it wrote, where it stands, and the rooms of the index that it goes into. */
import type { LogState } from "@quanji/chaincode/domain";
import type { ChainKey } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import type { BlockTransaction } from "../ledger/ledger.js";
import { type Chains, publicHead, type SealedHead } from "./chains.js";
import { DECODE } from "./decode.js";
import { readSecret } from "./objects.js";
import type { Position } from "./readmodel.js";
import type { Records } from "./records.js";
import type { Changes, Store } from "./store.js";
import type { LogTips } from "./tips.js";
import type { Trees } from "./tree.js";

export interface Rooms {
  readonly store: Store;
  readonly chains: Chains;
  readonly records: Records;
  readonly trees: Trees;
  /** This organisation's private collection. */
  readonly collection: string;
}

export interface Scene extends Rooms {
  readonly changes: Changes;
  readonly tips: LogTips;
  readonly tx: BlockTransaction;
  readonly position: Position;
  /** Public writes, and those of this organisation's collection. */
  readonly open: ReadonlyMap<string, string>;
  readonly own: ReadonlyMap<string, string>;
}

export function writesOf({ writes }: BlockTransaction, collection: string): Pick<Scene, "open" | "own"> {
  const of = (wanted: string | undefined) =>
    new Map(writes.filter((write) => write.collection === wanted).map(({ key, value }) => [key, value]));
  return { open: of(undefined), own: of(collection) };
}

/** The head that a transaction stored for a chain: private, public, or inside `orders`. */
export function storedHead({ chains, changes, open, own }: Scene, key: ChainKey): SealedHead | undefined {
  const { start, head } = chains.names(key, readSecret(changes));
  const text = (head === undefined ? undefined : own.get(head)) ?? open.get(`chain/${start}`);
  if (text !== undefined) return JSON.parse(text) as SealedHead;
  const orders = key.kind === "orders" ? open.get(publicKeys.orders) : undefined;
  return orders === undefined ? undefined : publicHead(DECODE.orders(orders));
}

/** Logs whose state a transaction wrote. */
export const writtenLogs = ({ open }: Scene): readonly LogState[] =>
  [...open].filter(([key]) => key.startsWith("log/")).map(([, value]) => DECODE.log(value));
