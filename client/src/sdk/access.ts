/**
 * Accesses: a number, a signature, a receipt that is checked, and only then data. Whatever is lost on the way is asked for
 * again so that it counts once: first with the same bytes, then as a new request that names the one it repeats.
 */
import { type AccessRequest, isCode, QuanjiError } from "@quanji/chaincode/domain";
import { concat, fromUtf8, type Json, type JsonObject } from "@quanji/chaincode/log";
import { errorOf, mismatch, openAnswer, type Problem, problemOf, successOf } from "./answer.js";
import type { SignedCommand } from "./command.js";
import type { Values } from "./commitments.js";
import { type CheckedReceipt, checkReceipt } from "./receipt.js";
import type { Logs } from "./logs.js";
import type { SeqKeeper } from "./seq.js";
import type { Sent, Session } from "./session.js";
import { dataOf, type DeliveryAccount, parseLine } from "./stream.js";
import type { Upgrades } from "./upgrades.js";
import type { Reply } from "./transport.js";

const NDJSON = "application/x-ndjson";
const PATH = "/v1/access";

/** One use of a resource. `operator` and `query` are committed to, never said. */
export interface Access extends Pick<AccessRequest, "resource" | "action" | "purpose" | "fields" | "environment"> {
  /** Default: one of the logs in which the grant may be used. */
  readonly log?: string;
  /** Absent: recorded as GRANT_MISSING. */
  readonly grant?: string;
  readonly range?: { readonly from: string; readonly to: string };
  /** Who or what in the requester's house acts. */
  readonly operator: Json;
  /** `{where, limit, after}`. */
  readonly query?: Json;
  /** Most rows that may come. Default 1. */
  readonly quantity?: number;
  /** Tags of whom it is about (`tagOf`), as the data's steward gave them; in any order. Absent: a bulk use. */
  readonly subjects?: readonly string[];
  /** Request hash of an access whose data did not arrive. */
  readonly retryOf?: string;
  readonly atLeast?: { readonly block: number };
}

/** How good the receipt is to be before the data comes. */
export interface EvidenceWish {
  readonly evidence: "cosigned";
  /** How long the gateway may wait for its witnesses; 10 at most. Default 1. */
  readonly waitSeconds?: number;
}

const preferOf = ({ evidence, waitSeconds = 1 }: EvidenceWish): string =>
  `evidence=${evidence}, wait=${Math.max(0, Math.floor(waitSeconds))}`;

/** What a user says of data that it received: the access by its place in the log, and the data's own digest and rows. */
export interface Acceptance {
  readonly log: string;
  /** Index of the access. */
  readonly record: number;
  /** SHA-256 of the bytes, base64url. */
  readonly digest: string;
  readonly rows: number;
  /** Tags of the access, if it has any. */
  readonly subjects?: readonly string[];
}

/** An access that knows its log. */
type Placed = Access & { readonly log: string };

/** An access that was recorded and brings no data: it was denied, or permitted and then failed at the source. */
export class AccessRefused extends QuanjiError {
  readonly request: string;
  readonly decision: "permit" | "deny";
  /** Proves that it was recorded, and why it was denied. Absent if the gateway could not make one yet: ask for it later. */
  readonly receipt: CheckedReceipt | undefined;

  constructor(problem: Problem, request: string, decision: "permit" | "deny", receipt: CheckedReceipt | undefined) {
    const { code, message, reason, field } = problem;
    super(code, message, { ...(reason !== undefined && { detail: reason }), ...(field !== undefined && { field }) });
    this.request = request;
    this.decision = decision;
    this.receipt = receipt;
  }
}

interface DataSource {
  /** The receipt once it is cosigned. */
  readonly upgrade: () => Promise<CheckedReceipt>;
  readonly open: () => AsyncGenerator<Uint8Array, DeliveryAccount, void>;
  readonly cancel: () => Promise<void>;
  readonly accept: (account: DeliveryAccount) => Promise<Sent>;
  /** Whether to accept without being told to, once the data is checked. */
  readonly isAutomatic: boolean;
}

/** A permitted access whose receipt has been checked. Its data is read once, by one of the three methods. */
export class PermittedAccess {
  /** Identity of the access. */
  readonly request: string;
  readonly receipt: CheckedReceipt;
  readonly #source: DataSource;
  #account: DeliveryAccount | undefined;
  #acceptance: Sent | undefined;
  #unaccepted: QuanjiError | undefined;

  constructor(request: string, receipt: CheckedReceipt, source: DataSource) {
    this.request = request;
    this.receipt = receipt;
    this.#source = source;
  }

  /**
   * The receipt once witnesses enough have cosigned it: at once where it came so. Errors: RECEIPT_NOT_COSIGNED after a minute;
   * those of a read.
   */
  cosigned(): Promise<CheckedReceipt> {
    return this.#source.upgrade();
  }

  /** The gateway's signed account, once all data has been read. */
  get account(): DeliveryAccount | undefined {
    return this.#account;
  }

  /** The acceptance, once it is on the ledger. */
  get acceptance(): Sent | undefined {
    return this.#acceptance;
  }

  /** Why the data, which came whole, was not accepted by itself: {@link accept} may be called again. */
  get unaccepted(): QuanjiError | undefined {
    return this.#unaccepted;
  }

  /**
   * The data as it comes. It is right only once the loop has ended without an error; it is accepted then, unless the client
   * was told not to.
   * Errors: SOURCE_FAILED and others that ended it early; UNREACHABLE; ANSWER_MISMATCH · DIGEST_MISMATCH.
   */
  async *stream(): AsyncGenerator<Uint8Array, void, void> {
    this.#account = yield* this.#source.open();
    assertDelivered(this.#account);
    if (this.#source.isAutomatic) await this.#acceptIfPossible();
  }

  /**
   * Says on the ledger what has arrived: digest and rows of the data, which has been read and checked before. Once is enough.
   * Errors: STATE_CONFLICT before the data has come whole, and where the record of the delivery says otherwise: keep the
   * {@link account} then, which the gateway signed; NOT_FOUND, NOT_RECORDED, UNREACHABLE: try again.
   */
  async accept(): Promise<Sent> {
    if (this.#account?.outcome !== "delivered") {
      throw new QuanjiError("STATE_CONFLICT", "the data has not come whole: there is nothing to accept yet");
    }
    this.#acceptance ??= await this.#source.accept(this.#account);
    this.#unaccepted = undefined;
    return this.#acceptance;
  }

  /** The data is here and right, whatever becomes of its acceptance. */
  async #acceptIfPossible(): Promise<void> {
    try {
      await this.accept();
    } catch (error) {
      if (!(error instanceof QuanjiError)) throw error;
      this.#unaccepted = error;
    }
  }

  /** For whoever wants the receipt and not the data: gives the connection up. */
  cancel(): Promise<void> {
    return this.#source.cancel();
  }

  /** All data, after it has been checked. */
  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of this.stream()) parts.push(part);
    return concat(...parts);
  }

  /** All rows, after they have been checked. */
  async rows(): Promise<readonly Record<string, unknown>[]> {
    return parseRows(await this.bytes());
  }
}

/** Data is NDJSON: one row, one line. */
export const parseRows = (data: Uint8Array): readonly Record<string, unknown>[] =>
  fromUtf8(data)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function assertDelivered({ outcome, code = "SOURCE_FAILED", request }: DeliveryAccount): void {
  if (outcome === "delivered") return;
  throw new QuanjiError(
    isCode(code) ? code : "SOURCE_FAILED",
    `the data did not come whole: the gateway says ${outcome}`,
    {
      detail: request,
    },
  );
}

/** A receipt without data: somebody (this process, before an answer was lost) has had the access recorded already. */
interface OnlyReceipt {
  readonly only: CheckedReceipt;
  readonly request: string;
}

/** Attempts at data that was permitted and did not arrive; each is a request of its own. */
const REPEATS = 2;

export class Accesses {
  readonly #session: Session;
  readonly #logs: Logs;
  readonly #keeperOf: (log: string) => SeqKeeper;
  readonly #voidLost: (log: string) => Promise<unknown>;
  readonly #upgrades: Upgrades;
  readonly #accepts: boolean;

  constructor(
    session: Session,
    logs: Logs,
    keeperOf: (log: string) => SeqKeeper,
    voidLost: (log: string) => Promise<unknown>,
    upgrades: Upgrades,
    accepts: boolean,
  ) {
    this.#upgrades = upgrades;
    this.#session = session;
    this.#logs = logs;
    this.#keeperOf = keeperOf;
    this.#voidLost = voidLost;
    this.#accepts = accepts;
  }

  /** Errors: NOT_FOUND, STATE_CONFLICT, KEY_INVALID, NOT_RECORDED, UNREACHABLE. */
  accept({ log, record, digest, rows, subjects }: Acceptance): Promise<Sent> {
    const about = subjects === undefined ? {} : { subjects: [...subjects] };
    return this.#session.send("access.accept", { log, record, digest, rows, ...about });
  }

  /**
   * Asks, and returns once the receipt is checked; no data has been given out before. Errors: {@link AccessRefused} with the
   * rule's code; NOT_RECORDED and others that the gateway signs; ANSWER_MISMATCH; UNREACHABLE.
   */
  async open(access: Access, wish?: EvidenceWish): Promise<PermittedAccess> {
    if (wish !== undefined && this.#session.parts.trust === undefined) {
      throw new QuanjiError("MALFORMED", "cosigned evidence needs a trust file: without one nobody can tell", {
        field: "evidence",
      });
    }
    let wanted = access;
    for (let repeats = 0; ; repeats++) {
      const outcome = await this.#numbered(wanted, wish);
      if (outcome instanceof PermittedAccess) return outcome;
      if (repeats >= REPEATS) throw lostData(outcome.request);
      wanted = { ...access, retryOf: access.retryOf ?? outcome.request };
    }
  }

  /**
   * The whole of the data, checked, whatever breaks on the way: data that was permitted and got lost is asked for again,
   * naming the first request, so that quota is not taken twice.
   */
  async fetch(
    access: Access,
    wish?: EvidenceWish,
  ): Promise<{ readonly access: PermittedAccess; readonly data: Uint8Array }> {
    let wanted = access;
    for (let repeats = 0; ; repeats++) {
      const opened = await this.open(wanted, wish);
      try {
        return { access: opened, data: await opened.bytes() };
      } catch (error) {
        if (!(error instanceof QuanjiError) || error.code !== "UNREACHABLE" || repeats >= REPEATS) throw error;
        wanted = { ...access, retryOf: access.retryOf ?? opened.request };
      }
    }
  }

  /** Now that the gateway answers again: numbers whose answers never came would leave a gap in the trail. */
  async #numbered(access: Access, wish: EvidenceWish | undefined): Promise<PermittedAccess | OnlyReceipt> {
    const log = access.log ?? (await this.#logs.choose(access));
    const keeper = this.#keeperOf(log);
    try {
      const outcome = await this.#underFreeNumber({ ...access, log }, keeper, wish);
      if (keeper.lost.length > 0) await this.#voidLost(log).catch(laterThen);
      return outcome;
    } catch (error) {
      // Shares may have been moved: the next access looks again.
      if (error instanceof AccessRefused && error.code === "QUOTA_EXCEEDED") this.#logs.forget(access);
      throw error;
    }
  }

  /** Signs under a number of its own. A number that turns out to be taken is replaced by a new one, once. */
  async #underFreeNumber(
    access: Placed,
    keeper: SeqKeeper,
    wish: EvidenceWish | undefined,
  ): Promise<PermittedAccess | OnlyReceipt> {
    try {
      return await this.#attempt(access, await keeper.take(), keeper, wish);
    } catch (error) {
      if (!(error instanceof QuanjiError) || error.code !== "COMMAND_REPLAYED") throw error;
      await keeper.resync();
      return this.#attempt(access, await keeper.take(), keeper, wish);
    }
  }

  async #attempt(
    access: Placed,
    seq: number,
    keeper: SeqKeeper,
    wish: EvidenceWish | undefined,
  ): Promise<PermittedAccess | OnlyReceipt> {
    let settled = false;
    try {
      const { payload, values } = payloadOf(access, seq);
      const signed = await this.#session.sign("access", PATH, payload, values);
      const outcome = await this.#session.insist(() => this.#once(signed, wish));
      settled = true;
      keeper.used(seq);
      return outcome;
    } catch (error) {
      if (!settled) settle(keeper, seq, error);
      throw error;
    }
  }

  /** One exchange. The same bytes may be sent again at will: they are recorded once. */
  async #once(signed: SignedCommand, wish: EvidenceWish | undefined): Promise<PermittedAccess | OnlyReceipt> {
    const { gateway, verify } = this.#session.parts;
    const reply = await this.#session.post(PATH, signed, NDJSON, wish && preferOf(wish));
    if (reply.type === NDJSON) return this.#permitted(reply, signed);
    const answer = await openAnswer(reply, signed.request, gateway, verify);
    if (answer.status < 300) {
      return { only: await this.#check(successOf(answer)["receipt"], signed, "permit"), request: signed.request };
    }
    throw await this.#refusal(problemOf(answer.body), signed);
  }

  /** Only a problem that names a rule speaks of a recorded access. */
  async #refusal(problem: Problem, signed: SignedCommand): Promise<QuanjiError> {
    const { rule, receipt } = problem;
    if (rule === undefined) return errorOf(problem);
    const decision = rule === "permit" ? "permit" : "deny";
    const checked = receipt === undefined ? undefined : await this.#check(receipt, signed, decision);
    return new AccessRefused(problem, signed.request, decision, checked);
  }

  async #permitted(reply: Reply, signed: SignedCommand): Promise<PermittedAccess | OnlyReceipt> {
    const lines = reply.lines();
    const { gateway, verify } = this.#session.parts;
    try {
      const first = await lines.next();
      const line = first.done === true ? undefined : parseLine(first.value);
      if (line?.t !== "receipt")
        throw mismatch("data came before a receipt: none of it is given out", "RECEIPT_MISSING");
      const receipt = await this.#check(line.receipt, signed, "permit");
      const { request } = signed;
      const rest = await lines.next();
      if (rest.done === true) return { only: receipt, request };
      const { value } = rest;
      this.#upgrades.noticed(request, receipt);
      return new PermittedAccess(request, receipt, {
        upgrade: () => this.#upgrades.upgrade(request, receipt),
        open: () => dataOf(startingWith(value, lines), { request, gateway, verify }),
        cancel: async () => {
          await lines.return();
        },
        accept: ({ digest, rows }) => this.accept({ ...placeOf(receipt), digest, rows, ...subjectsOf(receipt) }),
        isAutomatic: this.#accepts,
      });
    } catch (error) {
      await lines.return();
      throw error;
    }
  }

  async #check(input: unknown, signed: SignedCommand, decision: "permit" | "deny"): Promise<CheckedReceipt> {
    const { gateway, verify, trust } = this.#session.parts;
    const checked = await checkReceipt(input, {
      request: signed.request,
      jws: signed.jws,
      type: "access",
      gateway,
      verify,
      nowMs: this.#session.nowMs(),
      ...(trust !== undefined && { trust }),
    });
    if (checked.record.type !== "access" || checked.record.face.decision !== decision) {
      throw mismatch("the receipt says another decision than the answer", "DECISION_MISMATCH");
    }
    return checked;
  }
}

const placeOf = ({ record: { face } }: CheckedReceipt): Pick<Acceptance, "log" | "record"> => ({
  log: face.log,
  record: face.index,
});

/** What the requester countersigns: the receipt was held against its own request. */
function subjectsOf({ record }: CheckedReceipt): Pick<Acceptance, "subjects"> {
  const subjects = record.type === "access" ? record.body.subjects : undefined;
  return typeof subjects === "object" ? { subjects } : {};
}

/** The access itself went well, and what could not be voided now can be voided after the next one, or by `quanji seq`. */
function laterThen(error: unknown): void {
  if (!(error instanceof QuanjiError)) throw error;
}

/** What became of a number, seen from how its request ended. */
function settle(keeper: SeqKeeper, seq: number, error: unknown): void {
  if (error instanceof AccessRefused || (error instanceof QuanjiError && error.code === "COMMAND_REPLAYED"))
    keeper.used(seq);
  // Nobody can tell whether it was recorded if no answer came, or one that cannot be believed.
  else if (!(error instanceof QuanjiError) || error.code === "UNREACHABLE" || error.code === "ANSWER_MISMATCH")
    keeper.lose(seq);
  else keeper.giveBack(seq);
}

const lostData = (request: string): QuanjiError =>
  new QuanjiError("UNREACHABLE", "the access was permitted and recorded, but its data did not arrive", {
    detail: request,
  });

async function* startingWith(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}

function payloadOf(access: Placed, seq: number): { readonly payload: JsonObject; readonly values: Values } {
  const { operator, query, quantity = 1, environment, range, atLeast, fields, subjects, ...rest } = access;
  return {
    payload: {
      ...(rest as JsonObject),
      ...(range !== undefined && { range: { ...range } }),
      ...(atLeast !== undefined && { atLeast: { ...atLeast } }),
      ...(subjects !== undefined && { subjects: [...new Set(subjects)].sort() }),
      fields: [...fields],
      environment: { ...environment },
      quantity,
      mode: "normal",
      seq,
    },
    values: { operator: { value: operator }, ...(query !== undefined && { query: { value: query } }) },
  };
}
