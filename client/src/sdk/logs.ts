/**
 * Which log an access goes into. Only logs of the gateway that is asked, and of those only where the grant has a share of its
 * quota. Where its shares lie in several, they are used in turn; a grant without shares keeps to one log, which follows from
 * its id, so that its chain stays in one piece while many grants spread over all logs.
 */
import { type Grant, QuanjiError, usableLogs } from "@quanji/chaincode/domain";
import { sha256Utf8 } from "@quanji/chaincode/log";
import type { Access } from "./access.js";
import type { Grants } from "./grants.js";
import type { Resources } from "./resources.js";
import type { Session } from "./session.js";

/** How long a grant's or resource's logs are believed without asking again. */
const FRESH_MS = 60_000;
/** Beyond it all are forgotten: it is a cache. */
const MAX_KNOWN = 10_000;

interface Known {
  readonly logs: readonly string[];
  readonly atMs: number;
  turn: number;
}

export class Logs {
  readonly #session: Session;
  readonly #grants: Pick<Grants, "get">;
  readonly #resources: Pick<Resources, "get">;
  readonly #known = new Map<string, Known>();

  constructor(session: Session, grants: Pick<Grants, "get">, resources: Pick<Resources, "get">) {
    this.#session = session;
    this.#grants = grants;
    this.#resources = resources;
  }

  /** Of the gateway that is asked; with a trust file, those that it knows: receipts of others would not verify. */
  get own(): readonly string[] {
    const { network, gateway, trust } = this.#session.parts;
    return network.logs
      .filter((log) => log.gateway === gateway.name && trust?.logs.has(log.origin) !== false)
      .map(({ origin }) => origin);
  }

  /** Errors: NOT_FOUND if grant and resource name no log of this gateway, or cannot be seen. */
  async choose(access: Pick<Access, "grant" | "resource">): Promise<string> {
    const { own } = this;
    const [only, ...others] = own;
    if (only !== undefined && others.length === 0) return only;
    const known = await this.#lookUp(access, own);
    const log = known.logs[known.turn++ % known.logs.length];
    if (log !== undefined) return log;
    throw new QuanjiError("NOT_FOUND", `${access.resource} is not used through a log of this gateway`, {
      field: "log",
    });
  }

  /** The next choice looks again. */
  forget(access: Pick<Access, "grant" | "resource">): void {
    this.#known.delete(nameOf(access));
  }

  async #lookUp(access: Pick<Access, "grant" | "resource">, own: readonly string[]): Promise<Known> {
    const name = nameOf(access);
    const nowMs = this.#session.parts.clock();
    const before = this.#known.get(name);
    if (before !== undefined && nowMs - before.atMs < FRESH_MS) return before;
    const grant = access.grant === undefined ? undefined : await this.#find(access.grant);
    const logs = grant === undefined ? await this.#anyOf(access.resource, own) : candidatesOf(grant, own);
    const known: Known = { logs, atMs: nowMs, turn: before?.turn ?? this.#session.parts.random(1)[0] ?? 0 };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(name, known);
    return known;
  }

  /** A use under a grant that is none is asked for all the same: the denial is recorded. */
  async #find(id: string): Promise<Grant | undefined> {
    try {
      return await this.#grants.get(id);
    } catch (error) {
      if (error instanceof QuanjiError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  async #anyOf(resource: string, own: readonly string[]): Promise<readonly string[]> {
    return (await this.#resources.get(resource)).logs.filter((log) => own.includes(log)).slice(0, 1);
  }
}

const nameOf = ({ grant, resource }: Pick<Access, "grant" | "resource">): string => grant ?? resource;

/** Logs to be used in turn. Where no share is left, one of the grant's logs all the same: the denial is recorded there. */
export function candidatesOf(grant: Pick<Grant, "id" | "logs" | "terms">, own: readonly string[]): readonly string[] {
  const usable = usableLogs(grant).filter((log) => own.includes(log));
  if (grant.terms.quota !== undefined && usable.length > 0) return usable;
  const logs = grant.logs.filter((log) => own.includes(log));
  // Hashed, so that ids spread evenly whoever chose them.
  const place = logs.length === 0 ? 0 : (sha256Utf8(grant.id)[0] ?? 0) % logs.length;
  return logs.slice(place, place + 1);
}
