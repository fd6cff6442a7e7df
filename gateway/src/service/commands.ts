/** State-changing commands: which transaction carries one, who must endorse it, and the same answer however often it comes. */
import {
  COMMANDS,
  type Grant,
  isQuanjiError,
  type Party,
  type Payload,
  QuanjiError,
  type Verb,
} from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, type Json, type Openings } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import type { Committed, Ledger, TransactionRequest } from "../ledger/ledger.js";
import type { Position, ReadModel } from "../readmodel/readmodel.js";
import type { Folding } from "./folding.js";
import { type Patience, submitSurely } from "./submit.js";
import { Turns } from "./turns.js";

/** A command whose form, signature, freshness and openings the edge has checked. */
export interface CheckedCommand {
  readonly verb: Verb;
  /** As parsed by the verb's schema. */
  readonly payload: unknown;
  readonly jws: FlattenedJws;
  readonly request: string;
  readonly openings: Openings | undefined;
  /** Undefined while a party registers itself. */
  readonly signer: Party | undefined;
}

/** The transaction that carries a command. */
interface Carrier {
  readonly name: string;
  readonly grant?: string;
  readonly endorsers?: readonly string[];
}

export interface CommandAnswer extends Position {
  readonly result: Json;
}

export interface CommandsOptions {
  readonly ledger: Ledger;
  readonly readModel: ReadModel;
  readonly folding: Folding;
  /** Name of this gateway. */
  readonly gateway: string;
  readonly regulatorMsp: string;
  readonly patience: Patience;
  /** How long an answer waits for the read model, and a stop's answer for its fold. */
  readonly waitMs: number;
  /** Called when the read model has the block of a command, before its answer: e.g. the clock may have been set. */
  readonly settled?: () => Promise<void>;
}

/** Commands that may make an entry into books. All of a month and currency change one object of this organisation's. */
const POSTING: ReadonlySet<Verb> = new Set<Verb>([
  "statement.close",
  "statement.adjust",
  "invoice.settle",
  "books.close",
]);
/** More than these wait for books: whoever comes then is told to come again. */
const MAX_POSTING = 1024;

/** Positions of stops whose fold is not in the read model yet. */
const MAX_STOPS = 1024;

export class Commands {
  readonly #options: CommandsOptions;
  readonly #turns = new Turns();
  readonly #books = new Turns(MAX_POSTING);
  readonly #underWay = new Map<string, Promise<CommandAnswer>>();
  readonly #stops = new Map<string, CommandAnswer>();

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** The first answer to a command that took effect before. */
  async known(request: string): Promise<CommandAnswer | undefined> {
    const stop = this.#stops.get(request);
    if (stop !== undefined) return stop;
    const known = await this.#options.readModel.command(request);
    return known && { block: known.block, index: known.index, txId: known.txId, result: {} };
  }

  /**
   * Resolves once the command is committed. Sent twice at once, it is carried out once and both get the one answer.
   * Errors: the chaincode's; NOT_RECORDED; LIMITED: too many wait for books; NOT_FOUND for a stop of what the signer may not see.
   */
  submit(command: CheckedCommand): Promise<CommandAnswer> {
    const known = this.#underWay.get(command.request);
    if (known !== undefined) return known;
    const work = this.#carryOut(command).finally(() => this.#underWay.delete(command.request));
    this.#underWay.set(command.request, work);
    return work;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  async #carryOut(command: CheckedCommand): Promise<CommandAnswer> {
    try {
      return isStop(command) ? await this.#stop(command) : await this.#ordinary(command);
    } catch (error) {
      // It may be this very command that was there before: an earlier attempt whose answer was lost.
      const first = isRepeated(error) ? await this.known(command.request) : undefined;
      if (first === undefined) throw error;
      return first;
    }
  }

  async #ordinary(command: CheckedCommand, grant?: string): Promise<CommandAnswer> {
    const { group } = COMMANDS[command.verb];
    if (group === "accesses") throw new QuanjiError("MALFORMED", "that command has a route of its own");
    const transaction = {
      name: TRANSACTIONS[group],
      ...(grant !== undefined && { grant }),
      ...(group === "orders" && { endorsers: [this.#options.regulatorMsp] }),
      ...(namesRecords(command) && { firsts: await this.#firsts(command.payload) }),
    };
    // An order stops something and extends no chain of its signer: it waits for nobody.
    const committed = await (group === "orders" || command.signer === undefined
      ? this.#transact(command, transaction)
      : this.#turns.take(command.signer.id, () =>
          POSTING.has(command.verb)
            ? this.#books.take("books", () => this.#transact(command, transaction))
            : this.#afterStop(command, transaction),
        ));
    return this.#settled(committed);
  }

  /** A stop that waits to be folded may be one that was given up: this gateway folds it, and sends the command again. */
  async #afterStop(command: CheckedCommand, to: Carrier): Promise<Committed> {
    const { folding, waitMs } = this.#options;
    try {
      return await this.#transact(command, to);
    } catch (error) {
      const grant = grantIn(command.payload);
      if (grant === undefined || !isQuanjiError(error, "STOP_PENDING")) throw error;
      await within(waitMs, folding.fold(grant));
      return this.#transact(command, to);
    }
  }

  /** Batches that hold the records which a command names. */
  async #firsts({ log, records }: Payload<"record.erase" | "record.seal">): Promise<readonly number[]> {
    const found = await Promise.all(records.map(({ index }) => this.#options.readModel.record(log, index)));
    return found.map((known) => {
      if (known !== undefined) return known.first;
      throw new QuanjiError("NOT_FOUND", "there is nothing here that you may see", { field: "records" });
    });
  }

  /** A grantor stops by its home's endorsement alone; the regulator, and a grant that never was in force, by two. */
  async #stop(command: CheckedCommand & { readonly payload: Payload<"grant.revoke"> }): Promise<CommandAnswer> {
    const { readModel, folding, waitMs } = this.#options;
    const grant = await readModel.grantByDigest(command.payload.target);
    const signer = command.signer;
    if (grant === undefined || signer === undefined || !concerns(grant, signer)) {
      throw new QuanjiError("NOT_FOUND", "there is nothing here that you may see");
    }
    if (grant.grantor !== signer.id || grant.state === "pending") return this.#ordinary(command, grant.id);
    const committed = await this.#transact(command, {
      name: TRANSACTIONS.stop,
      grant: grant.id,
      endorsers: [signer.home],
    });
    const answer = answerOf(committed);
    this.#remember(command.request, answer);
    await within(waitMs, folding.fold(grant.id));
    await this.#settled(committed);
    return answer;
  }

  #transact(
    { jws, openings }: CheckedCommand,
    to: {
      readonly name: string;
      readonly grant?: string;
      readonly endorsers?: readonly string[];
      readonly firsts?: readonly number[];
    },
  ): Promise<Committed> {
    const { ledger, gateway, patience } = this.#options;
    const transaction: TransactionRequest = {
      name: to.name,
      args: [canonical({ gateway })],
      transient: {
        command: JSON.stringify(jws),
        ...(openings !== undefined && { openings: JSON.stringify(openings) }),
        ...(to.grant !== undefined && { grant: to.grant }),
        ...(to.firsts !== undefined && { firsts: JSON.stringify(to.firsts) }),
      },
      ...(to.endorsers !== undefined && { endorsers: to.endorsers }),
    };
    return submitSurely(ledger, transaction, patience);
  }

  /** The caller's next read shall see what it did; a read model that lags does not undo the commit, though. */
  async #settled(committed: Committed): Promise<CommandAnswer> {
    try {
      await this.#options.readModel.reached(committed.block, AbortSignal.timeout(this.#options.waitMs));
      await this.#options.settled?.();
    } catch (error) {
      if (!isQuanjiError(error, "BEHIND")) throw error;
    }
    return answerOf(committed);
  }

  #remember(request: string, answer: CommandAnswer): void {
    const oldest = this.#stops.keys().next();
    if (this.#stops.size >= MAX_STOPS && oldest.done !== true) this.#stops.delete(oldest.value);
    this.#stops.set(request, answer);
  }
}

const isStop = (command: CheckedCommand): command is CheckedCommand & { readonly payload: Payload<"grant.revoke"> } =>
  command.verb === "grant.suspend" || command.verb === "grant.revoke";

const namesRecords = (
  command: CheckedCommand,
): command is CheckedCommand & { readonly payload: Payload<"record.erase" | "record.seal"> } =>
  command.verb === "record.erase" || command.verb === "record.seal";

const grantIn = (payload: unknown): string | undefined =>
  typeof payload === "object" && payload !== null && "grant" in payload && typeof payload.grant === "string"
    ? payload.grant
    : undefined;

const isRepeated = (error: unknown): boolean =>
  isQuanjiError(error, "COMMAND_REPLAYED") || isQuanjiError(error, "STATE_CONFLICT");

const concerns = (grant: Grant, { id, roles }: Party): boolean =>
  grant.grantor === id ||
  grant.grantee === id ||
  grant.steps.some((step) => step.party === id) ||
  roles.includes("regulator");

const answerOf = ({ block, index, txId, result }: Committed): CommandAnswer => ({
  block,
  index,
  txId,
  result: JSON.parse(result) as Json,
});

/** Waits for `work`, but not longer than `ms`; the work goes on. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
