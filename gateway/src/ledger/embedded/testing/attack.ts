/** Makes transactions that no honest client makes, with real keys, and orders them on a real chain. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { openChain } from "../opening.js";
import type { LocalOrganisation } from "../organisations.js";
import { type Landed, Orderer } from "../orderer.js";
import type { PrivateWrites, ReadWriteSet } from "../rwset.js";
import { check, type FsckReport } from "../fsck.js";
import { Store } from "../store.js";
import {
  type ChaincodeEvent,
  type Endorsement,
  encodeProposal,
  encodeResponse,
  endorse,
  newProposal,
  newTransaction,
  NONCE_BYTES,
  type Transaction,
} from "../transaction.js";
import { codeName, type Rules } from "../validator.js";
import type { Signer } from "../identity.js";
import { NOW, random, topology } from "./open.js";

export interface Crafted {
  readonly rwset: Partial<ReadWriteSet>;
  /** Whose client signs. */
  readonly client: string;
  /** Whose peers endorse; or what stands in place of their endorsements of this response. */
  readonly endorsers: readonly string[] | ((response: Uint8Array) => readonly Endorsement[]);
  /** Who signs the envelope in the client's name. Default: the client. */
  readonly signer?: Signer;
  readonly nonce?: Uint8Array;
  readonly channel?: string;
  readonly event?: ChaincodeEvent;
}

export class Workbench {
  readonly store: Store;
  readonly rules: Rules;
  /** Signs the blocks. */
  readonly ordering: Signer;
  readonly #organisations: ReadonlyMap<string, LocalOrganisation>;
  readonly #orderer: Orderer;

  private constructor(
    store: Store,
    rules: Rules,
    organisations: ReadonlyMap<string, LocalOrganisation>,
    orderer: Orderer,
    ordering: Signer,
  ) {
    this.store = store;
    this.rules = rules;
    this.ordering = ordering;
    this.#organisations = organisations;
    this.#orderer = orderer;
  }

  static async open(folder: string): Promise<Workbench> {
    await mkdir(folder, { recursive: true });
    const store = await Store.open(path.join(folder, "ledger"), { sync: false });
    const { organisations, tip, rules } = await openChain(store, { folder, topology, clock: () => NOW, random });
    const { signer } = organisations.orderer;
    const orderer = new Orderer({ store, tip, rules, signer, random, hooks: {}, beforeWrite: () => undefined });
    return new Workbench(store, rules, organisations.members, orderer, signer);
  }

  peer(msp: string): Signer {
    return this.#of(msp).peer;
  }

  client(msp: string): Signer {
    return this.#of(msp).client;
  }

  craft({
    rwset,
    client,
    endorsers,
    signer,
    nonce = random(NONCE_BYTES),
    channel = topology.channel,
    event,
  }: Crafted): Transaction {
    const proposal = newProposal(this.client(client), nonce, {
      channel,
      timestampMs: NOW,
      name: "attack:run",
      args: [],
    });
    const bytes = encodeProposal(proposal);
    const empty: ReadWriteSet = { reads: [], writes: [], policies: [], collections: [] };
    const outcome = { result: "", event, rwset: { ...empty, ...rwset } };
    const response = encodeResponse(proposal, bytes, outcome);
    const endorsements =
      typeof endorsers === "function" ? endorsers(response) : endorsers.map((msp) => endorse(this.peer(msp), response));
    return newTransaction(signer ?? this.client(client), proposal, bytes, outcome, response, endorsements);
  }

  /** Orders in one block whatever is given together. */
  async order(...transactions: readonly (Transaction | [Transaction, PrivateWrites[]])[]): Promise<string[]> {
    const landed = await Promise.all(
      transactions.map((one): Promise<Landed> => {
        const [transaction, privateWrites] = "txId" in one ? [one, []] : one;
        return this.#orderer.order({ transaction, privateWrites });
      }),
    );
    return landed.map(({ code }) => codeName(code));
  }

  /** Every block as it is stored, from 0. */
  blocks(): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    for (let bytes = this.store.getBlock(0); bytes !== undefined; bytes = this.store.getBlock(blocks.length)) {
      blocks.push(new Uint8Array(bytes));
    }
    return blocks;
  }

  value(key: string): string | undefined {
    const entry = this.store.getPublic(key);
    return entry && Buffer.from(entry.value).toString("utf8");
  }

  async fsck(): Promise<FsckReport> {
    await using view = this.store.view();
    return await check(view, this.rules);
  }

  async close(): Promise<void> {
    await this.#orderer.close();
    await this.store.close();
  }

  #of(msp: string): LocalOrganisation {
    const organisation = this.#organisations.get(msp);
    if (organisation === undefined) throw new RangeError(`there is no ${msp}`);
    return organisation;
  }
}
