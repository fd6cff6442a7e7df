/**
 * Compares this witness's peer with those of the others: each gives the others what its peer has under a block's number, signed.
 * A peer that was shut in and told another ledger is found out by that, since everything that it says of itself agrees. A
 * contradiction is remembered and published before anything else happens, and stops the witness from signing where orderers
 * signed both blocks, or where as many organisations contradict its peer as agree with it.
 */
import { type BlockForkProof, isQuanjiError, type LedgerForkProof } from "@quanji/chaincode/domain";
import {
  type BlockNote,
  equalBytes,
  formatVkey,
  type NoteKey,
  parseBlockNote,
  parseNote,
  type VerifySignature,
  verifySignatures,
} from "@quanji/chaincode/log";
import type { Dispute, WitnessMemory } from "../cosigner/memory.js";
import type { OtherWitness } from "./client.js";
import { proveLedgerFork, withoutData } from "./ledger-fork.js";
import { formatExchanged, parseExchanged } from "./message.js";
import { Teller, type TellerOptions } from "./teller.js";

/** What another witness's word came to. */
export type Heard =
  | "agrees"
  /** It contradicts this witness's peer. */
  | "contradicts"
  /** It spoke of a block that was not read here yet. */
  | "ahead"
  /** It spoke of another ledger altogether. */
  | "foreign";

export interface Member {
  /** Of its block notes. */
  readonly key: NoteKey;
  readonly witness: OtherWitness;
}

export interface ExchangeOptions extends TellerOptions {
  readonly memory: Pick<WitnessMemory, "told" | "tell" | "disputes" | "dispute">;
  readonly others: readonly Member[];
  /** The own peer's blocks, whole. */
  readonly bytes: (number: number) => Promise<Uint8Array | undefined>;
  readonly verify: VerifySignature;
  /** Keeps a proof; answers its file's name, or undefined where there is no room. */
  readonly publish: (proof: BlockForkProof | LedgerForkProof) => Promise<string | undefined>;
  /** Names of evidence files whose cause the organisation has settled: those who they accuse are heard no more. */
  readonly settled: ReadonlySet<string>;
  /** One answer of another witness, or none. */
  readonly heard: (name: string, outcome: Heard | "failed") => void;
  readonly report: (what: string, error: unknown) => void;
}

/** What a message of another witness ends in. */
export type ExchangeAnswer =
  | { readonly outcome: "told"; readonly body: string }
  /** It is not signed by a witness of the configuration. */
  | { readonly outcome: "stranger" }
  /** The own peer's blocks are not read yet. */
  | { readonly outcome: "behind" };

/** Two accounts of one block, one ledger fork, and one more account. */
const MAX_FILES = 4;

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #teller: Teller;
  readonly #disputes: Map<string, Dispute>;
  /** Names of those who agreed since the start. */
  readonly #agree = new Set<string>();
  readonly #failing = new Set<string>();
  #line: Promise<unknown> = Promise.resolve();
  /** The own peer has another ledger than this witness has told of. */
  #forked = false;

  private constructor(options: ExchangeOptions, disputes: ReadonlyMap<string, Dispute>) {
    this.#options = options;
    this.#teller = new Teller(options);
    const names = new Set(options.others.map(({ key }) => formatVkey(key)));
    // Who is not configured any more, or has another key now, is heard no more.
    this.#disputes = new Map([...disputes].filter(([name]) => names.has(name)));
  }

  /** Errors: INTERNAL · WITNESS_STATE. */
  static async open(options: ExchangeOptions): Promise<Exchange> {
    const exchange = new Exchange(options, await options.memory.disputes());
    // Died between remembering and publishing: it is published now.
    for (const [name, dispute] of exchange.#disputes) {
      if (dispute.files.length === 0) await exchange.#record(name, dispute, forkOf(dispute.own, dispute.theirs));
    }
    return exchange;
  }

  /** Why nothing may be signed; undefined if it may. */
  get halted(): string | undefined {
    const open = [...this.#disputes.values()].filter((dispute) => !this.#isSettled(dispute));
    if (this.#forked) return "this organisation's peer has another ledger than this witness has told others of";
    if (open.some(({ proven }) => proven)) return "orderers have signed two blocks of one number: see /evidence";
    const agreeing = [...this.#agree].filter((name) => !this.#disputes.has(name)).length + 1;
    return open.length < agreeing
      ? undefined
      : "this organisation's peer differs from those of as many others as agree with it: see /evidence";
  }

  /** How many others contradict this witness's peer. */
  get contradicting(): number {
    return [...this.#disputes.values()].filter((dispute) => !this.#isSettled(dispute)).length;
  }

  /** Another witness's message. Errors: MALFORMED; whatever the disk or the peer throws. */
  async answer(body: string): Promise<ExchangeAnswer> {
    const { note, heard } = parseExchanged(body);
    const sender = await this.#signerOf(note);
    if (sender === undefined) return { outcome: "stranger" };
    await this.#hear(sender, note);
    await this.#overhear(heard);
    const own = await this.#tellUpTo(parseBlockNote(parseNote(note).text).block.number);
    return own === undefined
      ? { outcome: "behind" }
      : { outcome: "told", body: formatExchanged(own, this.#heardOf(sender)) };
  }

  /** Header and orderers' signatures of one of the own peer's blocks; undefined if it has none of that number. */
  async block(number: number): Promise<Uint8Array | undefined> {
    if (number >= this.#options.peer.height) return undefined;
    const bytes = await this.#options.bytes(number);
    return bytes && withoutData(bytes);
  }

  /** Asks every other witness once. Never throws: one that does not answer is reported, once until it answers again. */
  async round(): Promise<void> {
    await Promise.all(this.#options.others.map((member) => this.#ask(member)));
  }

  async #ask(member: Member): Promise<void> {
    const { heard, report } = this.#options;
    const name = formatVkey(member.key);
    try {
      // A witness that contradicts is asked for the same block again: who answers otherwise then has told two stories.
      const own = await this.#tellUpTo(this.#disputes.get(name)?.block ?? Number.MAX_SAFE_INTEGER);
      if (own === undefined) return;
      const reply = parseExchanged(await member.witness.exchange(formatExchanged(own, this.#heardOf(member))));
      if ((await this.#signerOf(reply.note)) !== member) throw new Error("its answer is not signed by its key");
      heard(member.key.name, await this.#hear(member, reply.note));
      await this.#overhear(reply.heard);
      await this.#prove(member);
      this.#failing.delete(name);
    } catch (error) {
      heard(member.key.name, "failed");
      if (!this.#failing.has(name)) report(`no block note comes from ${member.key.name}`, error);
      this.#failing.add(name);
    }
  }

  async #overhear(notes: readonly string[]): Promise<void> {
    for (const note of notes) {
      const signer = await this.#signerOf(note);
      if (signer !== undefined) await this.#hear(signer, note);
    }
  }

  #hear(member: Member, text: string): Promise<Heard> {
    return this.#inLine(async () => {
      const note = parseBlockNote(parseNote(text).text);
      const name = formatVkey(member.key);
      const before = this.#disputes.get(name);
      if (before !== undefined) await this.#compareWithBefore(name, before, text, note);
      const seen = await this.#teller.see(note.block.number);
      if (seen === undefined) return "ahead";
      if (!equalBytes(seen.ledger, note.ledger)) return this.#foreign(member);
      if (!differs(seen, note)) {
        this.#agree.add(name);
        return "agrees";
      }
      if (before === undefined) await this.#dispute(name, note.block.number, text);
      return "contradicts";
    });
  }

  async #compareWithBefore(name: string, before: Dispute, text: string, note: BlockNote): Promise<void> {
    const said = parseBlockNote(parseNote(before.theirs).text);
    if (said.block.number !== note.block.number || !differs(said, note)) return;
    // Who tells a third and a fourth may not fill the disk.
    if (before.files.length >= MAX_FILES) return;
    await this.#record(name, before, forkOf(before.theirs, text));
  }

  #foreign({ key }: Member): Heard {
    if (!this.#failing.has(key.name)) this.#options.report(`${key.name} follows another ledger`, undefined);
    this.#failing.add(key.name);
    return "foreign";
  }

  /** Remembered, and only then published. */
  async #dispute(name: string, block: number, theirs: string): Promise<void> {
    const own = await this.#teller.tell(block);
    if (own === undefined) return;
    const dispute: Dispute = { block, own, theirs, proven: false, files: [] };
    await this.#keep(name, dispute);
    await this.#record(name, dispute, forkOf(own, theirs));
  }

  async #record(name: string, dispute: Dispute, proof: BlockForkProof | LedgerForkProof): Promise<void> {
    const file = await this.#options.publish(proof);
    const proven = dispute.proven || proof.kind === "ledger-fork";
    const files = file === undefined || dispute.files.includes(file) ? dispute.files : [...dispute.files, file];
    await this.#keep(name, { ...dispute, proven, files });
  }

  async #keep(name: string, dispute: Dispute): Promise<void> {
    await this.#options.memory.dispute(name, dispute);
    this.#disputes.set(name, dispute);
  }

  /** Of two headers: what orderers signed speaks for itself. Tried until the other shows such a block. */
  async #prove({ key, witness }: Member): Promise<void> {
    const name = formatVkey(key);
    const dispute = this.#disputes.get(name);
    if (dispute === undefined || dispute.proven || !haveTwoHeaders(dispute)) return;
    const { peer, bytes } = this.#options;
    const proof = await proveLedgerFork({ peer, bytes, other: witness }, dispute.block);
    if (proof === undefined) return;
    await this.#inLine(() => this.#record(name, this.#disputes.get(name) ?? dispute, proof));
  }

  async #tellUpTo(block: number): Promise<string | undefined> {
    const newest = this.#options.peer.height - 1;
    try {
      return newest < 0 ? undefined : await this.#teller.tell(Math.min(block, newest));
    } catch (error) {
      if (isQuanjiError(error, "PROOF_INVALID")) this.#forked = true;
      throw error;
    }
  }

  #heardOf(except: Member): readonly string[] {
    const name = formatVkey(except.key);
    return [...this.#disputes].filter(([other]) => other !== name).map(([, { theirs }]) => theirs);
  }

  #isSettled({ files }: Dispute): boolean {
    return files.some((file) => this.#options.settled.has(file));
  }

  async #signerOf(text: string): Promise<Member | undefined> {
    const { others, verify } = this.#options;
    const note = parseNote(text);
    const [signer] = await verifySignatures(
      note,
      others.map(({ key }) => key),
      verify,
    );
    return others.find(({ key }) => key === signer?.key);
  }

  #inLine<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#line.then(act, act);
    this.#line = turn.catch(() => undefined);
    return turn;
  }
}

const forkOf = (one: string, other: string): BlockForkProof => ({
  v: "quanji.evidence.v1",
  kind: "block-fork",
  one,
  other,
});

const haveTwoHeaders = ({ own, theirs }: Dispute): boolean =>
  !equalBytes(parseBlockNote(parseNote(own).text).block.hash, parseBlockNote(parseNote(theirs).text).block.hash);

function differs(one: BlockNote, other: BlockNote): boolean {
  if (!equalBytes(one.block.hash, other.block.hash)) return true;
  return one.commit !== "none" && other.commit !== "none" && !equalBytes(one.commit, other.commit);
}
