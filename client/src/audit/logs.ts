/**
 * The logs as the blocks make them: each batch's leaf hashes stand in its transaction's event, and the head that it writes has
 * to follow from them and from nothing else. Checkpoints, which gateways sign outside the ledger, have to state the same roots.
 */
import {
  appendLeaves,
  emptyFrontier,
  equalBytes,
  type Frontier,
  frontierToJson,
  fromUtf8,
  type Hash,
  hashText,
  parseHash,
  rootOf,
} from "@quanji/chaincode/log";
import { LEAVES_EVENT, publicKeys } from "@quanji/chaincode/world";
import { z } from "zod";
import { type AuditPlace, fail } from "./findings.js";
import type { Transaction } from "./transaction.js";

/** Name of the one chaincode, on both ledgers. */
const CHAINCODE = "quanji";
const PREFIX = publicKeys.log("");

/** A signed statement that a log of that size has that root; its signature has been checked. */
export interface KnownRoot {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  /** Where it was read, for messages. */
  readonly source: string;
}

export interface AuditedLog {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  /** How many checkpoints were compared. */
  readonly checkpoints: number;
}

const Head = z.object({ size: z.int().min(0), root: z.string(), frontier: z.array(z.string()) });
const Leaves = z.object({ log: z.string(), first: z.int().min(0), leaves: z.array(z.string()) });
type Head = z.infer<typeof Head>;
type Leaves = z.infer<typeof Leaves>;

interface Log {
  frontier: Frontier;
  compared: number;
}

export class Logs {
  readonly #logs = new Map<string, Log>();
  readonly #known: ReadonlyMap<string, readonly KnownRoot[]>;

  constructor(known: readonly KnownRoot[]) {
    const byLog = new Map<string, KnownRoot[]>();
    for (const one of known) byLog.set(one.origin, [...(byLog.get(one.origin) ?? []), one]);
    for (const roots of byLog.values()) roots.sort((a, b) => a.size - b.size);
    this.#known = byLog;
  }

  /** A valid transaction. Errors: WRITESET_MISMATCH, FORK. */
  take({ chaincode, sets, event }: Transaction, place: AuditPlace): void {
    const refuse = (why: string): never => fail("WRITESET_MISMATCH", why, place);
    const shown = chaincode === CHAINCODE && event?.name === LEAVES_EVENT ? event.payload : undefined;
    const leaves = shown && (read(Leaves, shown) ?? refuse("the event with the leaves is not in its form"));
    const writes = sets.find(({ namespace }) => namespace === CHAINCODE)?.writes ?? [];
    const heads = writes.filter(({ key }) => key.startsWith(PREFIX));
    if (leaves !== undefined && !heads.some(({ key }) => key === publicKeys.log(leaves.log))) {
      refuse(`leaves of ${leaves.log} are recorded and its head is not`);
    }
    for (const { key, value } of heads) {
      const origin = key.slice(PREFIX.length);
      const head = read(Head, value) ?? refuse(`the head of ${origin} is deleted or not in its form`);
      const log = this.#logs.get(origin) ?? { frontier: emptyFrontier(), compared: 0 };
      this.#logs.set(origin, log);
      if (leaves?.log === origin) this.#append(origin, log, leaves, place);
      if (!isHeadOf(head, log)) refuse(`the head of ${origin} does not follow from its leaves`);
    }
  }

  /** What the logs are in the end. Errors: LOG_SIZE. */
  finish(): readonly AuditedLog[] {
    for (const [origin, roots] of this.#known) {
      const size = this.#logs.get(origin)?.frontier.size ?? 0;
      const last = roots.at(-1);
      if (last !== undefined && last.size > size) {
        fail("LOG_SIZE", `${last.source} is of ${origin} with ${last.size} records, and the blocks hold ${size}`);
      }
    }
    return [...this.#logs].map(([origin, { frontier, compared }]) => ({
      origin,
      size: frontier.size,
      root: hashText(rootOf(frontier)),
      checkpoints: compared,
    }));
  }

  /** Stops at each size for which a root is known. */
  #append(origin: string, log: Log, { first, leaves }: Leaves, place: AuditPlace): void {
    if (first !== log.frontier.size) {
      fail(
        "WRITESET_MISMATCH",
        `the leaves of ${origin} begin at ${first}, and the log has ${log.frontier.size}`,
        place,
      );
    }
    const hashes = hashesOf(leaves) ?? fail("WRITESET_MISMATCH", `a leaf of ${origin} is no hash`, place);
    const end = first + hashes.length;
    const known = (this.#known.get(origin) ?? []).filter(({ size }) => size > first && size <= end);
    for (const { size, root, source } of known) {
      log.frontier = appendLeaves(log.frontier, hashes.slice(log.frontier.size - first, size - first));
      if (!equalBytes(rootOf(log.frontier), root)) {
        fail("FORK", `${source} states another root of ${origin} at size ${size} than the blocks`, place);
      }
      log.compared++;
    }
    log.frontier = appendLeaves(log.frontier, hashes.slice(log.frontier.size - first));
  }
}

const isHeadOf = ({ size, root, frontier }: Head, log: Log): boolean =>
  size === log.frontier.size &&
  root === hashText(rootOf(log.frontier)) &&
  frontier.join() === frontierToJson(log.frontier).join();

function hashesOf(leaves: readonly string[]): readonly Hash[] | undefined {
  try {
    return leaves.map(parseHash);
  } catch {
    return undefined; // the caller has one code for whatever is wrong
  }
}

function read<T>(schema: z.ZodType<T>, bytes: Uint8Array | undefined): T | undefined {
  try {
    return bytes && schema.safeParse(JSON.parse(fromUtf8(bytes))).data;
  } catch {
    return undefined; // not UTF-8, or not JSON
  }
}
