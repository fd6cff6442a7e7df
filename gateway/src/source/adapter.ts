/**
 * A source's adapter: opens for a ticket, once, and counts; tells the ledger from time to time how much it has served. It
 * stands with the source, not with the gateway, and believes the gateway's ticket only as far as the trust file goes.
 */
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import type { FlattenedJws } from "@quanji/chaincode/log";
import { type OpenedTrust, type VerifiedTicket, verifyTicket } from "@quanji/client/verify";
import type { AdapterMemory, Claim, Stream } from "./memory.js";

export interface AdapterOptions {
  readonly memory: AdapterMemory;
  /** As it stands now; a new version counts at once. */
  readonly trust: () => Promise<OpenedTrust>;
  /** Signs and sends a tally. Errors: what the gateway refuses with; UNREACHABLE. */
  readonly send: (tally: Stream & Claim) => Promise<unknown>;
  /** Ledger time, ms since 1970. */
  readonly now: () => number;
  readonly report: (what: string, error: unknown) => void;
}

/** How far the record's clock may be ahead of the source's. */
const MAX_AHEAD_MS = 30_000;
/** After a ticket's time, before it is tallied: the source's clock may be ahead as well. */
const SETTLED_MS = 30_000;

export class SourceAdapter {
  readonly #options: AdapterOptions;
  #tallying: Promise<void> | undefined;

  constructor(options: AdapterOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the ticket is taken, on disk: from then on the source may answer, and the ticket serves nobody any more.
   * Errors: NOT_RECORDED · TICKET_MISSING, TICKET_UNVERIFIED, TICKET_FOREIGN, TICKET_EXPIRED, TICKET_USED.
   */
  async redeem(text: string | undefined, resource: string): Promise<VerifiedTicket> {
    const { memory, now } = this.#options;
    const ticket = await this.#verify(jwsOf(text));
    if (ticket.resource !== resource) throw refused("the ticket is for another resource", "TICKET_FOREIGN");
    const nowMs = now();
    // Written so that a broken clock refuses.
    if (!(nowMs < ticket.deliverBeforeMs && ticket.timeMs <= nowMs + MAX_AHEAD_MS)) {
      throw refused("the ticket's time is over", "TICKET_EXPIRED");
    }
    const stream = { log: ticket.log, resource };
    if (!(await memory.take(stream, ticket.index, ticket.deliverBeforeMs))) {
      throw refused("the ticket has served before", "TICKET_USED");
    }
    return ticket;
  }

  async #verify(jws: FlattenedJws): Promise<VerifiedTicket> {
    const trust = await this.#options.trust();
    try {
      return await verifyTicket(jws, { ...trust, nowMs: this.#options.now() });
    } catch (cause) {
      throw refused(
        "the ticket is not the receipt of a permit that this source can believe",
        "TICKET_UNVERIFIED",
        cause,
      );
    }
  }

  /** Tallies what can be tallied by now. Never rejects: what cannot be sent is reported, and sent again the next time. */
  tally(): Promise<void> {
    this.#tallying ??= this.#tallyAll().finally(() => {
      this.#tallying = undefined;
    });
    return this.#tallying;
  }

  async #tallyAll(): Promise<void> {
    const { memory, report } = this.#options;
    for (const stream of await memory.streams()) {
      try {
        await this.#tallyOne(stream);
      } catch (error) {
        report(`${stream.resource} in ${stream.log} is not tallied for now`, error);
      }
    }
  }

  async #tallyOne(stream: Stream): Promise<void> {
    const { memory, now, send } = this.#options;
    const claim = await memory.claim(stream, now() - SETTLED_MS);
    if (claim === undefined) return;
    try {
      await send({ ...stream, ...claim });
    } catch (error) {
      // An earlier attempt whose answer was lost: the claim is the same, and nobody else may count this resource.
      if (!isQuanjiError(error, "STATE_CONFLICT") || error.detail !== "TALLY_OVERLAP") throw error;
    }
    await memory.settle(stream, claim);
  }
}

function jwsOf(text: string | undefined): FlattenedJws {
  if (text === undefined || text === "") throw refused("this source opens for tickets only", "TICKET_MISSING");
  const [header, payload, signature, ...rest] = text.split(".");
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw refused("the ticket is no compact JWS", "TICKET_UNVERIFIED");
  }
  return { protected: header, payload, signature };
}

const refused = (message: string, detail: string, cause?: unknown): QuanjiError =>
  new QuanjiError("NOT_RECORDED", message, { detail, ...(cause !== undefined && { cause }) });
