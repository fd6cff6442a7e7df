/**
 * A moderate constant load on a gateway over HTTP: a few callers, each of which uses the resource again and again, checks every
 * receipt, and remembers what it was told and given. Whatever fails is tried anew, as a caller in service would.
 */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { QuanjiError } from "@quanji/chaincode/domain";
import { AccessRefused, type CheckedReceipt } from "@quanji/client";
import type { Name, Stage } from "../../support/stage.js";
import { until } from "../../support/until.js";

export const CALLERS = ["insurer", "adjuster", "stranger"] as const satisfies readonly Name[];
/** Accesses of one caller at once. */
const AT_ONCE = 2;
/** Between an answer and the next access of the same caller. */
const PACE_MS = 40;
/** After a failure. */
const REST_MS = 100;
/** One use in so many is for a purpose that the grant does not know, and denied. */
const DENIED_EVERY = 8;

/** An answer that the gateway is bound by. */
export interface Held {
  readonly receipt: CheckedReceipt;
  /** SHA-256 of the data that came, base64url; undefined for a denial, and where the data did not come whole. */
  readonly body: string | undefined;
}

export class Load {
  readonly #stage: Stage;
  readonly #grants: ReadonlyMap<Name, string>;
  /** When accesses were answered, ms. */
  readonly #answered: number[] = [];
  readonly #failures = new Map<string, number>();
  #held: Held[] = [];
  #workers: readonly Promise<void>[] = [];
  #running = false;

  private constructor(stage: Stage, grants: ReadonlyMap<Name, string>) {
    this.#stage = stage;
    this.#grants = grants;
  }

  static async on(stage: Stage): Promise<Load> {
    const grants = new Map<Name, string>();
    for (const name of CALLERS) grants.set(name, await stage.granted(name));
    return new Load(stage, grants);
  }

  start(): void {
    this.#running = true;
    this.#workers = CALLERS.flatMap((name) => Array.from({ length: AT_ONCE }, () => this.#work(name)));
  }

  /** Resolves once everybody has their last answer. Throws what no caller expects, e.g. a receipt that does not verify. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
  }

  /** Resolves after that many further answers. */
  async answers(count: number): Promise<void> {
    const wanted = this.#answered.length + count;
    await this.#until(() => this.#answered.length >= wanted);
  }

  /** Resolves once nobody has been answered for so long. */
  async silent(ms: number): Promise<void> {
    const from = performance.now();
    await this.#until(() => performance.now() - Math.max(from, this.#answered.at(-1) ?? 0) >= ms);
  }

  /** The longest time without any answer that ended after `from`, ms. */
  longestSilence(from: number): number {
    let longest = 0;
    for (let i = 1; i < this.#answered.length; i++) {
      const at = this.#answered[i] ?? 0;
      if (at >= from) longest = Math.max(longest, at - (this.#answered[i - 1] ?? at));
    }
    return longest;
  }

  /** When the first answer came after `from`, ms after that. */
  firstAfter(from: number): number {
    return (this.#answered.find((at) => at >= from) ?? Number.POSITIVE_INFINITY) - from;
  }

  /** What callers were told and given since the last call of this. */
  take(): { readonly held: readonly Held[]; readonly failures: ReadonlyMap<string, number> } {
    const taken = { held: this.#held, failures: new Map(this.#failures) };
    this.#held = [];
    this.#failures.clear();
    return taken;
  }

  /** One access to its end, and what it was answered with. Undefined if it was not. */
  async once(name: Name, purpose?: string): Promise<Held | undefined> {
    const client = await this.#stage.client(name);
    try {
      const permitted = await client.access(
        this.#stage.access(this.#grants.get(name), purpose === undefined ? {} : { purpose }),
      );
      // What the receipt says counts from here on, whatever becomes of the data.
      const body = await permitted.bytes().catch((error: unknown) => this.#failed(error));
      return this.#hold({ receipt: permitted.receipt, body: body && digestOf(body) });
    } catch (error) {
      if (!(error instanceof AccessRefused)) {
        this.#failed(error);
        return undefined;
      }
      return error.receipt && this.#hold({ receipt: error.receipt, body: undefined });
    }
  }

  async #work(name: Name): Promise<void> {
    for (let n = 1; this.#running; n++) {
      const held = await this.once(name, n % DENIED_EVERY === 0 ? "marketing" : undefined);
      if (held !== undefined) this.#answered.push(performance.now());
      await pause(held === undefined ? REST_MS : PACE_MS);
    }
  }

  #hold(held: Held): Held {
    this.#held.push(held);
    return held;
  }

  /** What a caller meets when the ledger or the gateway is away. Anything else is a fault, and thrown. */
  #failed(error: unknown): undefined {
    if (!(error instanceof QuanjiError) || !EXPECTED.has(error.code)) throw error;
    this.#failures.set(error.code, (this.#failures.get(error.code) ?? 0) + 1);
    return undefined;
  }

  /** Ends with the workers' fault if one of them has failed. */
  async #until(look: () => boolean): Promise<void> {
    const over = new AbortController();
    const seen = until(() => (look() || over.signal.aborted ? true : undefined));
    try {
      await Promise.race([seen, Promise.all(this.#workers)]);
    } finally {
      over.abort();
    }
  }
}

/**
 * The ledger did not take it; nobody answered; the gateway has not got its peer's blocks; the data could not leave in time; the
 * same bytes were sent for so long that their time is over.
 */
const EXPECTED: ReadonlySet<string> = new Set([
  "NOT_RECORDED",
  "UNREACHABLE",
  "BEHIND",
  "SOURCE_FAILED",
  "COMMAND_STALE",
]);

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64url");
