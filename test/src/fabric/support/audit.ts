/**
 * What really was recorded, read from the blocks by the regulator at its own peers, apart from the gateway that is tested: and
 * whether it is what callers were told and given.
 */
import { recordLeaf, recordText, splitRecordText, parseRecord, type QuanjiRecord } from "@quanji/chaincode/domain";
import {
  appendLeaves,
  emptyFrontier,
  type FlattenedJws,
  fromBase64url,
  fromUtf8,
  hashText,
  parseHash,
  rootOf,
} from "@quanji/chaincode/log";
import { LEAVES_EVENT, type LeavesEvent, linesOf, privateKeys, publicKeys, recordOf } from "@quanji/chaincode/world";
import { type FabricLedger, openFabricLedger, readProfile } from "@quanji/gateway/fabric";
import type { BlockStream, BlockTransaction } from "@quanji/gateway/testing";
import { expect } from "chai";
import { LOG } from "../../support/host.js";
import { until } from "../../support/until.js";
import type { Held } from "./load.js";

interface Recorded {
  readonly record: QuanjiRecord;
  /** As it stands in a receipt. */
  readonly text: string;
  readonly block: number;
  readonly txId: string;
}

export class Audit {
  readonly #ledger: FabricLedger;
  readonly #stream: BlockStream;
  readonly #done: Promise<void>;
  readonly #records: Recorded[] = [];
  /** Request hash → position in the log. */
  readonly #accesses = new Map<string, number>();
  /** Position of the access → position of its delivery. */
  readonly #deliveries = new Map<number, number>();
  readonly #accepted = new Set<number>();
  /** Permits that have no delivery yet, by position. */
  readonly #undelivered = new Set<number>();
  readonly #numbers = new Map<string, Set<number>>();
  #tree = emptyFrontier();
  #fault: Error | undefined;

  private constructor(ledger: FabricLedger) {
    this.#ledger = ledger;
    this.#stream = ledger.blocks(0);
    this.#done = this.#read().catch((error: unknown) => {
      this.#fault = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** @param profile the regulator's. @param folder for what the ledger keeps. */
  static async open(profile: string, folder: string): Promise<Audit> {
    const options = { profile: await readProfile(profile), folder, client: "fabric-gateway" as const };
    return new Audit(await openFabricLedger({ ...options, report: () => undefined }));
  }

  async close(): Promise<void> {
    await this.#stream.close();
    await this.#done;
    await this.#ledger.close();
  }

  get size(): number {
    return this.#records.length;
  }

  /** Sequence numbers of a key below its highest that stand in no record. */
  gapsOf(kid: string): number {
    const numbers = this.#numbers.get(kid) ?? new Set<number>();
    return this.nextOf(kid) - numbers.size;
  }

  /** One more than the highest number of a key. */
  nextOf(kid: string): number {
    return Math.max(-1, ...(this.#numbers.get(kid) ?? [])) + 1;
  }

  /** Resolves once the log has so many records, and each permit of it has its delivery. Throws what the blocks contradict. */
  async settled(size: number): Promise<void> {
    await until(() => {
      if (this.#fault !== undefined) throw this.#fault;
      return this.size >= size && this.#undelivered.size === 0 ? true : undefined;
    });
  }

  /**
   * Nothing that was acknowledged is lost, and nothing was released that is not recorded: every receipt's record stands where
   * it says, and all data came under a permit whose delivery says the same bytes.
   * @param killed the gateway was: what it had sent and not accounted for yet, its next start says to be unknown
   */
  async assertHolds(held: readonly Held[], killed: boolean): Promise<void> {
    await this.settled(Math.max(0, ...held.map(({ receipt: { record } }) => record.face.index + 1)));
    for (const { receipt, body } of held) {
      const { record, receipt: said } = receipt;
      const known = this.#records[record.face.index];
      expect(known?.text, `record ${record.face.index}`).to.equal(said.record);
      expect([known?.block, known?.txId]).to.deep.equal([said.block, said.txId]);
      if (body === undefined) continue;
      expect(record.type === "access" && record.face.decision).to.equal("permit");
      const delivery = this.#records[this.#deliveries.get(record.face.index) ?? -1]?.record;
      const { outcome, digest } = delivery?.type === "delivery" ? delivery.body : {};
      if (killed && outcome === "unknown") continue;
      expect([outcome, digest], "the delivery").to.deep.equal(["delivered", body]);
    }
  }

  async #read(): Promise<void> {
    for await (const { number, transactions } of this.#stream) {
      for (const transaction of transactions) if (transaction.valid) this.#take(number, transaction);
    }
  }

  #take(block: number, { txId, event, writes }: BlockTransaction): void {
    if (event?.name !== LEAVES_EVENT) return;
    const { log, first, leaves } = JSON.parse(event.payload) as LeavesEvent;
    if (log !== LOG) return;
    expect(first, "the batch begins where the log ends").to.equal(this.size);
    const value = (key: string): string => writes.find((write) => write.key === key)?.value ?? "";
    const lines = linesOf(value(privateKeys.batch(log, first)));
    expect(lines, "each leaf has its record").to.have.length(leaves.length);
    for (const [i, line] of lines.entries()) {
      const stored = recordOf(line);
      expect(hashText(recordLeaf(stored))).to.equal(leaves[i]);
      const text = recordText(stored);
      const record = parseRecord(splitRecordText(text));
      this.#file({ record, text, block, txId }, stored.request);
    }
    this.#tree = appendLeaves(this.#tree, leaves.map(parseHash));
    const head = JSON.parse(value(publicKeys.log(log))) as { readonly size: number; readonly root: string };
    expect(head).to.include({ size: this.size, root: hashText(rootOf(this.#tree)) });
  }

  #file(recorded: Recorded, request: FlattenedJws | undefined): void {
    const { record } = recorded;
    const index = this.size;
    expect(record.face.index).to.equal(index);
    this.#records.push(recorded);
    if (record.type === "delivery") {
      expect(this.#undelivered.delete(record.body.access), "one delivery for each permit, after it").to.equal(true);
      this.#deliveries.set(record.body.access, index);
      return;
    }
    if (record.type === "acceptance") {
      expect(this.#deliveries.get(record.body.access), "an acceptance names a delivery before it").to.equal(
        record.body.delivery,
      );
      expect(this.#accepted.has(record.body.delivery), "a delivery is accepted once").to.equal(false);
      this.#accepted.add(record.body.delivery);
      return;
    }
    if (record.type === "tally") return;
    const { requester } = record.body;
    const numbers = this.#numbers.get(requester) ?? new Set<number>();
    const number = seqOf(request);
    expect(numbers.has(number), `number ${number} of ${requester} counts once`).to.equal(false);
    this.#numbers.set(requester, numbers.add(number));
    if (record.type === "void") return;
    expect(this.#accesses.has(record.body.request), "a request is recorded once").to.equal(false);
    this.#accesses.set(record.body.request, index);
    if (record.face.decision === "permit") this.#undelivered.add(index);
  }
}

function seqOf(request: FlattenedJws | undefined): number {
  const { seq } = JSON.parse(fromUtf8(fromBase64url(request?.payload ?? ""))) as { readonly seq: number };
  return seq;
}
