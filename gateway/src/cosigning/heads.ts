/**
 * Head notes under several organisations' keys: one text, signed by this gateway and by each witness that finds the same in its
 * own peer. What a witness signs otherwise, or does not sign, is left out; what is too little then, the verifier says.
 */
import {
  formatHeadNote,
  formatNote,
  type NoteKey,
  type NoteSignature,
  parseHeadNote,
  parseNote,
  signNote,
  type VerifySignature,
  verifySignatures,
} from "@quanji/chaincode/log";
import type { StatedHead } from "../witness/heads.js";
import type { NoteSigner } from "../witness/log-signer.js";
import { type AskedChain, type HeadsRequest, MAX_HEADS } from "../witness/notary/request.js";
import type { WitnessPort, WitnessReply } from "./witness-client.js";

export interface HeadsWitness {
  readonly organisation: string;
  readonly witness: WitnessPort;
  readonly headsKey: NoteKey;
  /** Whether it may be told the collection's blinding secret, without which it cannot say that a chain was never touched. */
  readonly absence: boolean;
}

export interface HeadGathererOptions {
  readonly witnesses: readonly HeadsWitness[];
  /** How many of them are enough. */
  readonly quorum: number;
  readonly signer: NoteSigner;
  readonly verify: VerifySignature;
  /** The collection's blinding secret as it is stored. */
  readonly secret: () => Promise<string | undefined>;
  readonly asked: (organisation: string, outcome: string) => void;
  readonly report: (organisation: string, error: unknown) => void;
}

/** What one witness answered: signatures by note text, and until when it vouches where that is not long enough. */
interface Answer {
  readonly signatures: ReadonlyMap<string, NoteSignature>;
  readonly early?: number;
}

const NOTHING: Answer = { signatures: new Map() };

export class HeadGatherer {
  readonly #options: HeadGathererOptions;

  constructor(options: HeadGathererOptions) {
    this.#options = options;
  }

  /** Signed notes for heads of one look at the ledger, in order: all of one block and one time. Never rejects for a witness. */
  async gather(heads: readonly StatedHead[]): Promise<readonly string[]> {
    const [first] = heads;
    if (first === undefined) return [];
    const { time } = parseHeadNote(parseNote(first.note).text);
    const answers = await this.#askAll(heads.map(textOf), heads);
    const enough = answers.filter(({ signatures }) => signatures.size > 0).length >= this.#options.quorum;
    // Under load a block is the newest for some milliseconds; how long, a witness knows to the second.
    const earlier = enough ? undefined : this.#commonTime(answers, time);
    if (earlier === undefined) return heads.map(({ note }) => withSignatures(note, answers));
    const texts = heads.map((head) => formatHeadNote({ ...parseHeadNote(textOf(head)), time: earlier }));
    const again = await this.#askAll(texts, heads);
    return Promise.all(texts.map(async (text) => withSignatures(await this.#sign(text), again)));
  }

  /** The latest time for which as many vouch as are needed; undefined if no earlier time would help. */
  #commonTime(answers: readonly Answer[], time: number): number | undefined {
    const bounds = answers
      .flatMap(({ signatures, early }) => (signatures.size > 0 ? [time] : early === undefined ? [] : [early]))
      .sort((a, b) => b - a);
    const common = bounds[this.#options.quorum - 1];
    return common === undefined || common >= time || common <= 0 ? undefined : common;
  }

  async #sign(text: string): Promise<string> {
    const { key, sign } = this.#options.signer;
    return formatNote({ text, signatures: [await signNote(text, key, sign)] });
  }

  async #askAll(texts: readonly string[], heads: readonly StatedHead[]): Promise<readonly Answer[]> {
    const secret = await this.#options.secret();
    return Promise.all(this.#options.witnesses.map((one) => this.#ask(one, texts, heads, secret)));
  }

  async #ask(
    one: HeadsWitness,
    texts: readonly string[],
    heads: readonly StatedHead[],
    secret: string | undefined,
  ): Promise<Answer> {
    const chains = heads.flatMap(({ asked, isAbsent }, i) => {
      const text = texts[i] ?? "";
      if (!isAbsent || asked.name === undefined) return [{ asked, text }];
      // It would refuse them, and with them all others.
      return one.absence && secret !== undefined ? [{ asked: { ...asked, secret }, text }] : [];
    });
    const signatures = new Map<string, NoteSignature>();
    try {
      for (let i = 0; i < chains.length; i += MAX_HEADS) {
        const part = chains.slice(i, i + MAX_HEADS);
        const reply = await one.witness.headNotes(
          requestOf(
            part.map(({ asked }) => asked),
            part[0]?.text ?? "",
          ),
        );
        const refusal = refusalOf(reply);
        if (refusal !== undefined) {
          this.#options.asked(one.organisation, refusal.code);
          return refusal.early === undefined ? { signatures } : { signatures: new Map(), early: refusal.early };
        }
        const expected = new Set(part.map(({ text }) => text));
        for (const note of notesIn(reply.body)) await this.#take(one, note, expected, signatures);
      }
      this.#options.asked(one.organisation, "stated");
      return { signatures };
    } catch (error) {
      this.#options.asked(one.organisation, "failed");
      this.#options.report(one.organisation, error);
      return NOTHING;
    }
  }

  /** Errors: that of the signature; an Error if the witness states another head than this gateway. */
  async #take(
    { headsKey }: HeadsWitness,
    text: string,
    expected: ReadonlySet<string>,
    signatures: Map<string, NoteSignature>,
  ): Promise<void> {
    const note = parseNote(text);
    if (!expected.has(note.text)) throw new Error(`it states another head than this gateway: ${note.text}`);
    const [signer] = await verifySignatures(note, [headsKey], this.#options.verify);
    const line = note.signatures.find(({ name, id }) => name === headsKey.name && id === headsKey.id);
    if (signer === undefined || line === undefined) throw new Error("it did not sign with its heads key");
    signatures.set(note.text, line);
  }
}

const textOf = ({ note }: Pick<StatedHead, "note">): string => parseNote(note).text;

function withSignatures(own: string, answers: readonly Answer[]): string {
  const note = parseNote(own);
  const more = answers.flatMap(({ signatures }) => signatures.get(note.text) ?? []);
  return formatNote({ text: note.text, signatures: [...note.signatures, ...more] });
}

function requestOf(chains: readonly AskedChain[], text: string): string {
  const { block, time } = parseHeadNote(text);
  const hash = Buffer.from(block.hash).toString("base64url");
  const request: HeadsRequest = {
    v: "quanji.heads.v1",
    block: { number: block.number, hash },
    time,
    chains: [...chains],
  };
  return JSON.stringify(request);
}

/** Undefined if the notes are there. */
function refusalOf({ status, body }: WitnessReply): { readonly code: string; readonly early?: number } | undefined {
  if (status === 200) return undefined;
  const { code, time } = readJson(body) as { readonly code?: unknown; readonly time?: unknown };
  const named = typeof code === "string" && /^[A-Z_]{1,40}$/.test(code) ? code : `status ${status}`;
  if (named === "TIME_FUTURE" && Number.isSafeInteger(time)) return { code: named, early: time as number };
  return { code: named };
}

function notesIn(body: string): readonly string[] {
  const { notes } = readJson(body) as { readonly notes?: unknown };
  if (!Array.isArray(notes) || notes.length > MAX_HEADS) throw new Error("it answers no list of notes");
  return notes.map(String);
}

function readJson(text: string): object {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? json : {};
  } catch {
    return {}; // then it says nothing that could be read
  }
}
