/** What a gateway that lies can hand to its ledger: batches made by hand, with whatever it likes in them. */
import { randomBytes } from "node:crypto";
import { instant, type LogState } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, type Openings, sha256Text, toBase64url } from "@quanji/chaincode/log";
import { type BatchArguments, type BatchRecord, publicKeys, TRANSACTIONS } from "@quanji/chaincode/world";
import type { Committed, Ledger, TransactionRequest } from "@quanji/gateway/testing";
import { LOG } from "./host.js";
import { newId } from "./stage.js";

const salt = (): string => toBase64url(randomBytes(32));

type Signed = { readonly jws: FlattenedJws; readonly openings?: Openings };
type Access = Extract<BatchRecord, { readonly type: "access" }>;
type Delivery = Extract<BatchRecord, { readonly type: "delivery" }>;

const common = (nowMs: number) => ({
  id: newId(),
  time: instant(nowMs),
  nonce: toBase64url(randomBytes(16)),
  salts: { grant: salt(), party: salt(), resource: salt() },
});

export const accessRecord = ({ jws, openings }: Signed, nowMs: number): Access => ({
  ...common(nowMs),
  type: "access",
  request: jws,
  ...(openings !== undefined && { openings }),
});

/** Says that data left. */
export const deliveryRecord = (access: number, first: number, nowMs: number): Delivery => ({
  ...common(nowMs),
  type: "delivery",
  access,
  first,
  bytes: 3,
  digest: sha256Text("abc"),
  masked: [],
  outcome: "delivered",
  rows: 1,
});

export async function headOf(ledger: Pick<Ledger, "view">, log = LOG): Promise<LogState> {
  await using view = await ledger.view();
  const text = await view.get(publicKeys.log(log));
  if (text === undefined) throw new Error(`there is no log ${log}`);
  return JSON.parse(text) as LogState;
}

/** `recordBatch` upon the log's present head, unless `change` says otherwise. */
export async function batchOf(
  ledger: Pick<Ledger, "view">,
  records: readonly BatchRecord[],
  change: Partial<BatchArguments> = {},
): Promise<TransactionRequest> {
  const { size, root } = await headOf(ledger);
  const batch = canonical({ nonce: salt(), records }, { maxBytes: 4_000_000, maxDepth: 16 });
  const args: BatchArguments = { log: LOG, size, root, digest: sha256Text(batch), ...change };
  return { name: TRANSACTIONS.recordBatch, args: [canonical({ ...args })], transient: { batch } };
}

export const submitBatch = async (
  ledger: Pick<Ledger, "view" | "submit">,
  records: readonly BatchRecord[],
): Promise<Committed> => ledger.submit(await batchOf(ledger, records));
