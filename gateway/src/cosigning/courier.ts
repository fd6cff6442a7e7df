/**
 * Brings the newest checkpoints of this gateway's logs to one witness and its cosignatures back. One request in flight; of a log
 * only the newest checkpoint is ever asked for, so what waits is bounded by the number of logs, however slow the witness is.
 * @see C2SP tlog-witness
 */
import {
  consistencyProof,
  formatAddCheckpoint,
  type NoteKey,
  type NoteSignature,
  parseNote,
  type ReadNode,
  type SignedNote,
  type TreeHead,
  type VerifySignature,
  verifySignatures,
} from "@quanji/chaincode/log";
import type { ForkProof } from "@quanji/chaincode/domain";
import { Bell, type Pause } from "../recorder/pause.js";
import type { LogSigner } from "../witness/log-signer.js";
import { forkShown } from "./comparison.js";
import type { WitnessPort, WitnessReply } from "./witness-client.js";

/** What one request ended in. */
export type Asked =
  | "cosigned"
  /** It holds another size than was thought; asked again at once. */
  | "conflict"
  /** Its peer is not that far. */
  | "behind"
  /** It says that this log has two trees, or holds a tree that this gateway has not: somebody lies, or has lost its memory. */
  | "contradiction"
  /** A status that no request of ours should have. */
  | "refused"
  /** A cosignature that does not verify, or whose time lies too far from now. */
  | "false"
  /** No answer. */
  | "unreachable"
  /** It shows others another tree of the log than the one that it cosigned here. */
  | "forked"
  /** It does not say what it shows others, or says what cannot be read. */
  | "incomparable";

export interface CourierOptions {
  readonly witness: WitnessPort;
  /** Its cosigning key. */
  readonly key: NoteKey;
  readonly logs: readonly LogSigner[];
  /** Newest committed head of a log; undefined while there is none. */
  readonly head: (origin: string) => Promise<TreeHead | undefined>;
  readonly node: (origin: string) => ReadNode;
  /** Ledger time, ms since 1970. */
  readonly clock: () => number;
  readonly verify: VerifySignature;
  readonly pause: Pause;
  /** How often an idle log is cosigned again. */
  readonly refreshMs: number;
  /** How often what it shows to everybody is compared with what it cosigned here, at most. */
  readonly compareMs: number;
  /** Keeps a fork proof. */
  readonly publish: (fork: ForkProof) => Promise<void>;
  /** Keeps a cosignature that was checked. */
  readonly keep: (checkpoint: string, cosignature: NoteSignature) => Promise<void>;
  readonly asked: (outcome: Asked) => void;
  /** Told when the witness fails after it worked, or fails otherwise than before. */
  readonly report: (outcome: Asked, error: unknown) => void;
}

/** Pauses after failures, doubling. */
export const BACK_OFF = { firstMs: 250, mostMs: 30_000 } as const;
/** Conflicts in a row that are followed by a new attempt at once: the second one names the right size. */
const MAX_CONFLICTS = 3;
/** A cosignature's time may lie this far ahead; a verifier takes no more either. */
const MAX_AHEAD_MS = 300_000;
/** One this far behind would say that records are younger than they are. */
const MAX_BEHIND_MS = 300_000;

interface Place {
  readonly signer: LogSigner;
  /** Size that the witness is believed to hold. */
  held: number;
  /** Of its last cosignature, ms since 1970 by `clock`. */
  cosignedMs: number;
  comparedMs: number;
  /** It was found to show another tree of this log. */
  isForked: boolean;
  /** Number of its last turn. */
  turn: number;
}

interface Outcome {
  readonly asked: Asked;
  readonly retryMs?: number | undefined;
  readonly error?: unknown;
}

export class Courier {
  readonly #options: CourierOptions;
  readonly #places: readonly Place[];
  readonly #bell = new Bell();
  readonly #over = new AbortController();
  readonly #done: Promise<void>;
  /** A log grew since the heads were looked at. */
  #news = false;
  #turns = 0;
  #failures = 0;
  #last: Asked = "cosigned";

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#places = options.logs.map((signer) => ({
      signer,
      held: 0,
      cosignedMs: Number.NEGATIVE_INFINITY,
      comparedMs: Number.NEGATIVE_INFINITY,
      isForked: false,
      turn: 0,
    }));
    this.#done = this.#run();
  }

  /** Some log has grown. */
  grew(): void {
    this.#news = true;
    this.#bell.ring();
  }

  async close(): Promise<void> {
    this.#over.abort();
    this.#bell.ring();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      this.#news = false;
      const place = await this.#due();
      if (place === undefined) await this.#idle();
      else await this.#settle(await this.#bring(place));
    }
  }

  /**
   * A log that has grown, else one that was idle for long; of several the one whose turn was longest ago, so that none waits for
   * another that is busy or refused. A head that cannot be read is that of a read model that closes.
   */
  async #due(): Promise<Place | undefined> {
    const now = this.#options.clock();
    let grown: Place | undefined;
    let idle: Place | undefined;
    for (const place of this.#places) {
      const head = await this.#options.head(place.signer.origin).catch(() => undefined);
      if (head === undefined) continue;
      const isNew = head.size > place.held || place.cosignedMs === Number.NEGATIVE_INFINITY;
      if (isNew && place.turn < (grown?.turn ?? Infinity)) grown = place;
      if (now - place.cosignedMs >= this.#options.refreshMs && place.turn < (idle?.turn ?? Infinity)) idle = place;
    }
    const due = grown ?? idle;
    if (due !== undefined) due.turn = ++this.#turns;
    return due;
  }

  async #idle(): Promise<void> {
    if (this.#news || this.#over.signal.aborted) return;
    const { clock, refreshMs } = this.#options;
    const next = Math.min(...this.#places.map(({ cosignedMs }) => cosignedMs)) + refreshMs - clock();
    await this.#bell.wait(
      this.#options.pause,
      Math.min(refreshMs, Math.max(1, Number.isFinite(next) ? next : refreshMs)),
    );
  }

  async #bring(place: Place): Promise<Outcome> {
    try {
      for (let conflicts = 0; ; conflicts++) {
        const outcome = await this.#ask(place);
        this.#options.asked(outcome.asked);
        if (outcome.asked !== "conflict" || conflicts + 1 >= MAX_CONFLICTS) return outcome;
      }
    } catch (error) {
      this.#options.asked("unreachable");
      return { asked: "unreachable", error };
    }
  }

  async #ask(place: Place): Promise<Outcome> {
    const { witness, head: headOf, node } = this.#options;
    const { origin } = place.signer;
    const head = await headOf(origin);
    if (head === undefined) return { asked: "behind" };
    // A witness that holds more than this gateway has committed holds another log, or this gateway has lost its own.
    if (place.held > head.size) {
      return {
        asked: "contradiction",
        error: new Error(`${origin}: it holds size ${place.held}, committed are ${head.size}`),
      };
    }
    const checkpoint = await place.signer.checkpoint(head);
    const proof = await consistencyProof(place.held, head.size, node(origin));
    const body = formatAddCheckpoint({ oldSize: place.held, proof, note: parseNote(checkpoint) });
    const reply = await witness.addCheckpoint(body);
    return this.#read(reply, place, checkpoint, head);
  }

  async #read(reply: WitnessReply, place: Place, checkpoint: string, head: TreeHead): Promise<Outcome> {
    const said = new Error(`${reply.status}: ${reply.body.slice(0, 200).trim()}`);
    switch (reply.status) {
      case 200:
        return this.#take(reply.body, place, checkpoint, head);
      case 409:
        if (!/^(0|[1-9]\d{0,15})\n$/.test(reply.body)) return { asked: "refused", error: said };
        place.held = Number(reply.body);
        return { asked: "conflict", error: said };
      case 422:
        return { asked: "contradiction", error: said };
      case 503:
        return { asked: "behind", retryMs: reply.retryAfterMs };
      default:
        return { asked: "refused", error: said };
    }
  }

  /** What is not a cosignature by this witness's own key, of now, would make every file with it worthless. */
  async #take(lines: string, place: Place, checkpoint: string, head: TreeHead): Promise<Outcome> {
    const { key, verify, clock, keep } = this.#options;
    let note: SignedNote;
    try {
      note = parseNote(`${parseNote(checkpoint).text}\n${lines}`);
      const [verified] = await verifySignatures(note, [key], verify);
      const signature = note.signatures.find(({ name, id }) => name === key.name && id === key.id);
      if (verified === undefined || signature === undefined) throw new Error("it did not sign");
      const aheadMs = (verified.time ?? 0) * 1000 - clock();
      if (aheadMs > MAX_AHEAD_MS || aheadMs < -MAX_BEHIND_MS) throw new Error(`its clock is ${aheadMs} ms off`);
      await keep(checkpoint, signature);
    } catch (error) {
      return { asked: "false", error };
    }
    place.held = head.size;
    place.cosignedMs = clock();
    await this.#compare(place, {
      text: note.text,
      signatures: [...parseNote(checkpoint).signatures, ...note.signatures],
    });
    return { asked: "cosigned" };
  }

  /** What it cosigned counts all the same: its fault is what it shows elsewhere. */
  async #compare(place: Place, own: SignedNote): Promise<void> {
    const { clock, compareMs, node, publish, asked, report } = this.#options;
    // One proof convicts it as well as a thousand.
    if (place.isForked || clock() - place.comparedMs < compareMs) return;
    place.comparedMs = clock();
    try {
      const fork = await forkShown(this.#options, own, node(place.signer.origin));
      if (fork === undefined) return;
      asked("forked");
      await publish(fork);
      place.isForked = true;
      report("forked", new Error(`${place.signer.origin}: it has cosigned another tree as well`));
    } catch {
      // It proves nothing, and does not make its cosignature worse: counted, and asked again.
      asked("incomparable");
    }
  }

  async #settle({ asked, retryMs, error }: Outcome): Promise<void> {
    if (asked === "cosigned") {
      this.#failures = 0;
      this.#last = asked;
      return;
    }
    // A peer that lags by some blocks is no news.
    if (asked !== this.#last && asked !== "behind") this.#options.report(asked, error);
    this.#last = asked;
    const backOffMs = Math.min(BACK_OFF.firstMs * 2 ** this.#failures, BACK_OFF.mostMs);
    this.#failures = Math.min(this.#failures + 1, 16);
    await this.#options.pause(retryMs ?? backOffMs, this.#over.signal);
  }
}
