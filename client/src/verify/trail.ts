/** A trail: every use of a grant, of a resource, by a party or about a subject, and the proof that none is missing. Read as a stream. */
import {
  msOf,
  type Receipt,
  recordLeaf,
  splitRecordText,
  type TrailLine,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import { hashText } from "@quanji/chaincode/log";
import { ChainReader, type CommandChain } from "./chains.js";
import { assertLevel, requiredLevel } from "./checkpoint.js";
import { openCommand, openWithheld } from "./commands.js";
import { openEngine } from "#signature-engine";
import { openOpener } from "#line-opener";
import { DecisionReplay } from "./decision.js";
import type { SealedHead } from "./head.js";
import type { SectionContext } from "./judge.js";
import { LineDigest, parseLine, SourceFault, type TrailSource } from "./lines.js";
import { Misplaced, PendingChecks } from "./pending.js";
import { readAhead, type ReadLines } from "./read-ahead.js";
import type { Market } from "./market.js";
import type { OpenedRecord } from "./record.js";
import { type RecordLine, WrittenRecord } from "./record-line.js";
import { replay, type Replayed } from "./replay.js";
import { LogSection, type SectionEnd } from "./section.js";
import { type AskedTags, askedTags, SubjectSection } from "./subject-section.js";
import type { OpenedTrust } from "./trust.js";
import { type Level, levelRank, type Place, refusalOf, refuse, trustFacts, type Verdict } from "./verdict.js";

export interface TrailOptions {
  /** Raises the level that the trust file asks for; never lowers it. */
  readonly level?: Level;
  /** `all`: refuse if a rule of `decide` could not be replayed because its chains are not in the file. */
  readonly replay?: "all";
  /** Receipts that the caller holds, of this key and period: each must be in the trail. */
  readonly receipts?: readonly Receipt[];
  /** Told what the file says while it is read. None of it is believed before the verdict is. */
  readonly observer?: TrailObserver;
  /** Told now and then how many records have been checked. */
  readonly progress?: (records: number) => void;
}

export interface TrailObserver {
  readonly begin?: (header: TrailLineOf<"trail">) => void;
  /** What the command chains lead to, before the first record. What it throws refuses the trail. */
  readonly replayed?: (world: Replayed) => void;
  /** Once, before the first record: the offers, contracts and statements that the file's chains lead to. */
  readonly market?: (market: Market, network: { readonly timeZone: string }) => void;
  /** Every record, in order; after a skipped one no more are told. */
  readonly record?: (opened: OpenedRecord) => void;
}

/** All commands of a file together, in bytes: they are kept until the chains are whole. */
const MAX_COMMAND_BYTES = 256 * 1024 * 1024;
const PROGRESS_EVERY = 1000;
const HEADER_FIRST = "a trail begins with its one header";

/**
 * Verifies a trail, given as text, bytes or a stream of chunks that may end anywhere. Keeps the states of the objects in the
 * file and the open permits, never the records. Never throws for bad evidence; what the source itself throws goes through.
 */
export const verifyTrail = (source: TrailSource, trust: OpenedTrust, options: TrailOptions = {}): Promise<Verdict> =>
  verifyLines(readAhead(source, openOpener()), trust, options);

/** {@link verifyTrail} of lines, whoever has read them and opened some of them. */
export async function verifyLines(
  batches: AsyncIterable<ReadLines>,
  trust: OpenedTrust,
  options: TrailOptions,
): Promise<Verdict> {
  const reader = new TrailReader(trust, options);
  const common = { kind: "trail" as const, ...trustFacts(trust) };
  try {
    for await (const { lines, opened } of batches) {
      for (const [i, line] of lines.entries()) {
        const rest = reader.read(line, opened?.[i]);
        if (rest !== undefined) await rest;
      }
    }
    return { ok: true, ...common, ...reader.finish() };
  } catch (error) {
    const { fault, place } = await reader.firstFault(error);
    if (fault instanceof SourceFault) throw fault.cause;
    const { replayed, attested } = reader.rules;
    return { ok: false, ...common, level: "committed", replayed, attested, at: place, ...refusalOf(fault) };
  } finally {
    await reader.close();
  }
}

type Findings = Pick<
  Verdict,
  | "of"
  | "level"
  | "completeThrough"
  | "records"
  | "permitted"
  | "denied"
  | "replayed"
  | "attested"
  | "hosted"
  | "erased"
  | "sealed"
  | "withheld"
  | "anchors"
>;

class TrailReader {
  readonly #trust: OpenedTrust;
  readonly #options: TrailOptions;
  readonly #digest = new LineDigest();
  readonly #chains = new Map<string, CommandChain>();
  readonly #sections = new Map<string, SectionEnd>();
  readonly #hosted = new Set<string>();
  readonly #held: Set<string>;
  readonly #engine = openEngine();
  readonly #signatures = new PendingChecks(this.#engine);
  #line = 0;
  #commandBytes = 0;
  #withheld = 0;
  #header: TrailLineOf<"trail"> | undefined;
  #chain: ChainReader | undefined;
  #world: Replayed | undefined;
  #decisions: DecisionReplay | undefined;
  #section: LogSection | SubjectSection | undefined;
  #asked: AskedTags | undefined;
  #records = 0;
  #permitted = 0;
  #denied = 0;
  #index: number | undefined;
  #findings: Findings | undefined;

  constructor(trust: OpenedTrust, options: TrailOptions) {
    this.#trust = trust;
    this.#options = options;
    this.#held = new Set((options.receipts ?? []).map((receipt) => leafText(receipt.record)));
  }

  get place(): Place {
    return {
      line: this.#line,
      ...(this.#section !== undefined && { log: this.#section.log }),
      ...(this.#section !== undefined && this.#index !== undefined && { index: this.#index }),
    };
  }

  get rules(): Pick<Verdict, "replayed" | "attested"> {
    return { replayed: this.#decisions?.replayed ?? [], attested: this.#decisions?.attested ?? [] };
  }

  /** What is to be answered for an error: that of an earlier line whose signature was still being checked goes first. */
  async firstFault(error: unknown): Promise<{ readonly fault: unknown; readonly place: Place }> {
    const { place } = this;
    try {
      if (error instanceof Misplaced) throw error;
      await this.#signatures.settle();
    } catch (earlier) {
      if (earlier instanceof Misplaced) return { fault: earlier.cause, place: earlier.place };
      throw earlier;
    }
    return { fault: error, place };
  }

  /** Gives back the engine's threads. */
  close(): Promise<void> {
    return this.#engine.close();
  }

  /** Most lines are done at once; for the others there is something to wait for. */
  read(bytes: Uint8Array, opened?: RecordLine): Promise<void> | undefined {
    this.#line++;
    if (this.#findings !== undefined) refuse("LINE_ORDER", "something follows the end of the trail");
    const rest = this.#takeLine(bytes, opened);
    if (rest === undefined) {
      this.#digest.add(bytes);
      return this.#signatures.isFull ? this.#signatures.settleOldest() : undefined;
    }
    return rest.then(() => this.#digest.add(bytes));
  }

  #takeLine(bytes: Uint8Array, opened: RecordLine | undefined): Promise<void> | undefined {
    if (opened !== undefined) {
      if (this.#line === 1) refuse("LINE_ORDER", HEADER_FIRST);
      this.#record(opened);
      return undefined;
    }
    const line = parseLine(bytes);
    if ((line.t === "trail") !== (this.#line === 1)) refuse("LINE_ORDER", HEADER_FIRST);
    return this.#take(line, bytes);
  }

  #take(line: TrailLine, bytes: Uint8Array): Promise<void> | undefined {
    switch (line.t) {
      case "trail":
        this.#begin(line);
        return undefined;
      case "chain":
        this.#beginChain(line);
        return undefined;
      case "command":
        this.#command(line, bytes.length);
        return undefined;
      case "withheld":
        this.#withhold(line, bytes.length);
        return undefined;
      case "chainEnd":
        return this.#endChain(line);
      case "log":
        return this.#beginLog(line);
      case "day":
        this.#day(line);
        return undefined;
      case "record":
        this.#record(new WrittenRecord(line));
        return undefined;
      case "sealed":
        this.#sealed(line);
        return undefined;
      case "logEnd":
        return this.#endLog(line);
      case "end":
        return this.#end(line);
    }
  }

  // 1. The header: which key, which period.
  #begin(line: TrailLineOf<"trail">): void {
    if (line.net !== this.#trust.trust.net) refuse("NETWORK_MISMATCH", "the trail is another network's");
    if (line.from !== undefined && line.to !== undefined && line.from >= line.to) {
      refuse("TRAIL_START", "the trail's period is empty");
    }
    if ((line.key.kind === "subject") !== (line.tags !== undefined && line.bulk !== undefined)) {
      refuse("TAG_QUARTER", "a subject's trail, and no other, names tags and says whether it has bulk uses");
    }
    this.#header = line;
    this.#options.observer?.begin?.(line);
  }

  // 2. The command chains, each folded to its attested head.
  #beginChain({ scope, kind, id }: TrailLineOf<"chain">): void {
    if (this.#chain !== undefined || this.#world !== undefined)
      refuse("LINE_ORDER", "chains come one by one, before the logs");
    if (this.#chains.has(nameOf(kind, id))) refuse("TRAIL_DUPLICATE", "a chain stands in the file twice");
    this.#chain = new ChainReader({ scope, kind, id }, this.#trust.trust.net);
  }

  #command({ entry, request }: TrailLineOf<"command">, length: number): void {
    this.#begunChain(length).add(openCommand(entry, request));
  }

  #withhold({ entry }: TrailLineOf<"withheld">, length: number): void {
    this.#begunChain(length).withhold(openWithheld(entry));
    this.#withheld++;
  }

  #begunChain(length: number): ChainReader {
    if (this.#chain === undefined) return refuse("LINE_ORDER", "a command stands outside a chain");
    this.#commandBytes += length;
    if (this.#commandBytes > MAX_COMMAND_BYTES) refuse("LIMIT_EXCEEDED", "the file holds too many commands");
    return this.#chain;
  }

  async #endChain({ note, opening }: TrailLineOf<"chainEnd">): Promise<void> {
    if (this.#chain === undefined) return refuse("LINE_ORDER", "a chain ends that did not begin");
    const chain = await this.#chain.close(note, opening as SealedHead, this.#trust);
    const { to } = this.#headerLine;
    if (to !== undefined && chain.time < to) {
      const detail = chain.key.kind === "directory" ? "DIRECTORY_STALE" : "TRAIL_STALE";
      refuse(detail, `the ${chain.key.kind} chain is attested up to ${chain.time}, the trail asks for ${to}`);
    }
    this.#chains.set(nameOf(chain.key.kind, chain.key.id), chain);
    this.#chain = undefined;
  }

  // 3. Before the first log: replay the chains.
  async #replayed(): Promise<{ readonly world: Replayed; readonly decisions: DecisionReplay }> {
    if (this.#chain !== undefined) refuse("LINE_ORDER", "a chain does not end");
    const { kind, id } = this.#headerLine.key;
    if (this.#world === undefined) {
      this.#world = await replay([...this.#chains.values()], this.#trust);
      this.#options.observer?.replayed?.(this.#world);
      this.#options.observer?.market?.(this.#world.market, { timeZone: this.#world.timeZone });
    }
    this.#decisions ??= new DecisionReplay(this.#world, kind === "grant" ? id : undefined);
    if (kind === "subject") this.#asked ??= askedTags(this.#headerLine, this.#world.timeZone);
    return { world: this.#world, decisions: this.#decisions };
  }

  // 4. The logs, each record checked, folded and decided again.
  async #beginLog(line: TrailLineOf<"log">): Promise<void> {
    const { world, decisions } = await this.#replayed();
    if (this.#section !== undefined) refuse("LINE_ORDER", "a log begins before the last one ended");
    if (this.#sections.has(line.log)) refuse("TRAIL_DUPLICATE", "a log stands in the trail twice");
    const { from, to, key } = this.#headerLine;
    this.#index = undefined;
    const context: SectionContext = {
      trust: this.#trust,
      world,
      decisions,
      hosted: this.#hosted,
      begun: (check) => this.#signatures.add(check, this.place),
      fromMs: from === undefined ? undefined : msOf(from),
      toMs: to === undefined ? undefined : msOf(to),
    };
    const { kind, id } = key;
    this.#section =
      kind === "subject"
        ? new SubjectSection(line, this.#headerLine, this.#askedTags, context)
        : new LogSection(line, { kind, id }, context);
  }

  #day(line: TrailLineOf<"day">): void {
    if (!(this.#section instanceof SubjectSection))
      return refuse("LINE_ORDER", "an index stands outside a subject's log");
    this.#index = undefined;
    this.#section.day(line);
  }

  #record(line: RecordLine): void {
    if (this.#section === undefined) return refuse("LINE_ORDER", "a record stands outside a log");
    this.#index = undefined;
    const opened = this.#section.record(line);
    this.#records++;
    if (opened !== undefined) {
      this.#tally(opened);
      this.#options.observer?.record?.(opened);
    }
    if (this.#records % PROGRESS_EVERY === 0) this.#options.progress?.(this.#records);
  }

  #sealed(line: TrailLineOf<"sealed">): void {
    if (this.#section === undefined) return refuse("LINE_ORDER", "a sealed entry stands outside a log");
    this.#index = undefined;
    this.#held.delete(this.#section.sealed(line));
    this.#records++;
  }

  #tally({ record, leaf }: OpenedRecord): void {
    this.#index = record.face.index;
    if (this.#held.size > 0) this.#held.delete(hashText(leaf));
    if (record.type !== "access") return;
    if (record.face.decision === "permit") this.#permitted++;
    else this.#denied++;
  }

  async #endLog(line: TrailLineOf<"logEnd">): Promise<void> {
    if (this.#section === undefined) return refuse("LINE_ORDER", "a log ends that did not begin");
    const end = await this.#section.end(line);
    const { to } = this.#headerLine;
    if (to !== undefined && end.time !== undefined && end.time < to) {
      refuse("TRAIL_STALE", `the log is attested up to ${end.time}, the trail asks for ${to}`);
    }
    if (end.level !== undefined) {
      assertLevel(end.level, requiredLevel(this.#trust, this.#options.level), this.#trust, end.anchoring);
    }
    this.#sections.set(this.#section.log, end);
    this.#section = undefined;
  }

  // 5. The end: nothing cut off, every log there, every held receipt found.
  async #end({ count, digest }: TrailLineOf<"end">): Promise<void> {
    await this.#signatures.settle();
    if (this.#section !== undefined) refuse("FILE_TRUNCATED", "a log does not end");
    if (count !== this.#records || digest !== this.#digest.value()) {
      refuse("FILE_TRUNCATED", "the end line counts other lines than those before it");
    }
    const { world, decisions } = await this.#replayed();
    this.#assertLogs(world);
    decisions.assertNotOverdrawn();
    if (this.#held.size > 0)
      refuse("RECEIPT_NOT_IN_TRAIL", `${this.#held.size} of the receipts held are not in the trail`);
    const rules = this.rules;
    if (this.#options.replay === "all" && rules.attested.length > 0) {
      refuse("CHAIN_MISSING", `rules that could not be replayed: ${rules.attested.join(", ")}`);
    }
    const { key, tags, bulk, from, to } = this.#headerLine;
    this.#findings = {
      of: {
        ...key,
        ...(tags !== undefined && { tags, bulk }),
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
      },
      level: this.#level(),
      ...this.#completeThrough(),
      records: this.#records,
      permitted: this.#permitted,
      denied: this.#denied,
      ...rules,
      ...(this.#hosted.size > 0 && { hosted: [...this.#hosted] }),
      ...(world.seals.used.length > 0 && { sealed: world.seals.used }),
      ...(world.erasures.used.length > 0 && { erased: world.erasures.used }),
      ...(this.#withheld > 0 && { withheld: this.#withheld }),
      ...this.#anchors(),
    };
  }

  #assertLogs(world: Replayed): void {
    const missing = logsOf(this.#headerLine.key, world).find((log) => !this.#sections.has(log));
    if (missing !== undefined) refuse("LOG_SET_INCOMPLETE", `the trail has no section for ${missing}`);
  }

  /** The lowest of the proofs; without any record, what the trust file asks of head notes. */
  #level(): Level {
    const levels = [...this.#sections.values()].flatMap(({ level }) => level ?? []);
    return levels.reduce(
      (low, level) => (levelRank(level) < levelRank(low) ? level : low),
      levels[0] ?? this.#trust.requiredLevel,
    );
  }

  #anchors(): Pick<Findings, "anchors"> {
    const anchors = [...this.#sections.values()].flatMap(({ anchoring }) => anchoring ?? []);
    return anchors.length === 0 ? {} : { anchors };
  }

  /** As far as the oldest of all notes reaches: each chain may have grown after its own. */
  #completeThrough(): Pick<Findings, "completeThrough"> {
    const { to } = this.#headerLine;
    const times = [...this.#chains.values(), ...this.#sections.values()].flatMap(({ time }) => time ?? to ?? []);
    const earliest = times.reduce<string | undefined>(
      (low, time) => (low === undefined || time < low ? time : low),
      undefined,
    );
    return earliest === undefined ? {} : { completeThrough: earliest };
  }

  /** Errors: FILE_TRUNCATED if there was no `end` line. */
  finish(): Findings {
    return this.#findings ?? refuse("FILE_TRUNCATED", "the trail has no end line");
  }

  get #askedTags(): AskedTags {
    return this.#asked ?? refuse("LINE_ORDER", "the trail is not a subject's");
  }

  get #headerLine(): TrailLineOf<"trail"> {
    return this.#header ?? refuse("LINE_ORDER", "the trail has no header");
  }
}

const nameOf = (kind: string, id: string): string => `${kind} ${id}`;

const leafText = (record: string): string => hashText(recordLeaf(splitRecordText(record)));

/** Logs that may hold records of the key. Errors: CHAIN_MISSING: without its chain nobody knows which they are. */
function logsOf({ kind, id }: TrailLineOf<"trail">["key"], world: Replayed): readonly string[] {
  const missing = (): never => refuse("CHAIN_MISSING", "the command chain of the trail's own key is not in the file");
  switch (kind) {
    case "grant":
      return world.grants.get(id)?.last?.logs ?? missing();
    case "resource":
      return world.resources.get(id)?.last?.logs ?? missing();
    case "party":
    case "subject":
      if (!world.parties.has(id)) missing();
      return [...world.logs.keys()];
  }
}
