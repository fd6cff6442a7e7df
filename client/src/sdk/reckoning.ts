/** A contract's month reckoned from its evidence, in one pass: by who closes its statement, and by who pays. */
import {
  type AccessRange,
  type Circumstances,
  type Contract,
  type ContractMonth,
  contractMonth,
  instant,
  metered,
  type Offer,
  parseRecord,
  type PeriodReckoning,
  type Place,
  type QuanjiRecord,
  QuanjiError,
  Reckoner,
  recordLeaf,
  type SignedIndicator,
  splitRecordText,
  type Statement,
  type StatementClose,
  tariffOf,
  type TrailLineOf,
  type TariffVersion,
} from "@quanji/chaincode/domain";
import { type Hash, hashText, utf8 } from "@quanji/chaincode/log";
import type { z } from "zod";
import type { CommandChainKey } from "../verify/chains.js";
import { type ChainCommand, openCommand, openWithheld, type WithheldCommand } from "../verify/commands.js";
import { parseLine } from "../verify/lines.js";
import { replayUnverified } from "../verify/market.js";
import { type Market, type OpenedTrust, statementName, type Verdict, verifyTrail } from "../verify/index.js";

export type ClosePayload = Omit<z.infer<typeof StatementClose>, "net">;

/** What a reckoning works by: as the chains in verified evidence say, or else as the gateway does. */
export interface ReckoningBasis {
  readonly contract: Contract;
  readonly offer: Offer;
  readonly timeZone: string;
  /** As it is closed; undefined before. */
  readonly statement: Statement | undefined;
  readonly indicator: SignedIndicator | undefined;
}

export interface MonthReckoning extends PeriodReckoning, Pick<ClosePayload, "logs"> {
  readonly month: ContractMonth;
  readonly tariff: TariffVersion;
  readonly basis: ReckoningBasis;
  /** Units in the deliveries that were asked for, by whether they are free. */
  readonly named: { readonly charged: bigint; readonly free: bigint; readonly places: readonly Place[] };
  /** Commands that the evidence counts and does not show: to a payee, those on other months. */
  readonly withheld: number;
  /** Undefined: no trust file was at hand, and nothing was verified. */
  readonly verdict: Verdict | undefined;
}

export interface NamedPlace {
  readonly log: string;
  readonly index: number;
}

interface Asked {
  readonly contract: string;
  readonly period: string;
  /** Deliveries whose units are wanted. */
  readonly named: readonly NamedPlace[];
  /** Accesses for which the source does not speak. */
  readonly untallied: readonly AccessRange[];
  readonly trust: OpenedTrust | undefined;
}

const nameOf = ({ log, index }: NamedPlace): string => `${log}#${index}`;

/** Reads records as they come. */
class Pass {
  readonly basis: ReckoningBasis;
  readonly month: ContractMonth;
  readonly tariff: TariffVersion;
  readonly logs = new Map<string, { from: number; to: number }>();
  readonly #reckoner: Reckoner;
  readonly #asked: ReadonlySet<string>;
  readonly #free: ReadonlySet<string>;
  readonly #found: Place[] = [];
  #charged = 0n;
  #freeUnits = 0n;

  constructor(basis: ReckoningBasis, period: string, named: readonly NamedPlace[], untallied: readonly AccessRange[]) {
    this.basis = basis;
    this.month = contractMonth(basis.contract, period, basis.timeZone);
    this.tariff = tariffOf(basis.offer, this.month);
    const { terms } = this.month.version;
    this.#reckoner = new Reckoner({
      tariff: this.tariff.tariff,
      grant: terms.grant,
      span: this.month,
      acceptance: terms.counterparts.includes("acceptance"),
      untallied,
    });
    this.#asked = new Set(named.map(nameOf));
    this.#free = new Set(this.tariff.tariff.freePurposes);
  }

  add(record: QuanjiRecord, leaf: Hash): void {
    const { log, index } = record.face;
    const range = this.logs.get(log);
    if (range === undefined) this.logs.set(log, { from: index, to: index + 1 });
    else range.to = index + 1;
    if (this.#asked.has(nameOf({ log, index }))) this.#name(record, leaf);
    this.#reckoner.add(record, leaf);
  }

  #name(record: QuanjiRecord, leaf: Hash): void {
    const item = metered(record, leaf, this.tariff.tariff.unit);
    if (item === undefined) return;
    this.#found.push({ log: item.log, index: item.index, leaf: hashText(leaf) });
    if (this.#free.has(item.purpose)) this.#freeUnits += item.quantity;
    else this.#charged += item.quantity;
  }

  /** @param logs all that have a section in the evidence */
  close(logs: ReadonlySet<string>, verdict: Verdict | undefined): Omit<MonthReckoning, "withheld"> {
    if (this.#found.length !== this.#asked.size) {
      throw new QuanjiError("EVIDENCE_MISSING", "a delivery that is named is none of this month's", {
        field: "deliveries",
      });
    }
    const { isFirst } = this.month;
    const { indicator } = this.basis;
    const circumstances: Circumstances = { isFirst, ...(indicator !== undefined && { indicator }) };
    const places = this.#found.sort((a, b) => (a.log === b.log ? a.index - b.index : a.log < b.log ? -1 : 1));
    return {
      ...this.#reckoner.close(circumstances),
      logs: [...logs].sort().map((log) => ({ log, ...(this.logs.get(log) ?? { from: 0, to: 0 }) })),
      month: this.month,
      tariff: this.tariff,
      basis: this.basis,
      named: { charged: this.#charged, free: this.#freeUnits, places },
      verdict,
    };
  }
}

/** Evidence, its chains read ahead. */
export interface OpenedEvidence {
  /** As its chains say; nothing is verified yet. */
  readonly basis: ReckoningBasis;
  readonly withheld: number;
  /** All lines, from the first. */
  readonly lines: AsyncIterable<string>;
}

/** Reads the chains, which come before the records. Errors: EVIDENCE_MISSING: the contract or its offer is not in it. */
export async function openEvidence(
  lines: AsyncIterable<string>,
  contract: string,
  period: string,
  timeZone: string,
): Promise<OpenedEvidence> {
  const iterator = lines[Symbol.asyncIterator]();
  const read: string[] = [];
  const chains: {
    readonly key: CommandChainKey;
    readonly commands: ChainCommand[];
    readonly withheld: WithheldCommand[];
  }[] = [];
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    read.push(next.value);
    if (next.value.startsWith('{"log":')) break;
    const line = parseLine(utf8(next.value.trimEnd()));
    const last = chains.at(-1);
    if (line.t === "chain") {
      chains.push({ key: { scope: line.scope, kind: line.kind, id: line.id }, commands: [], withheld: [] });
    } else if (line.t === "withheld") last?.withheld.push(openWithheld(line.entry));
    else if (line.t === "command" && (last?.key.kind === "offer" || last?.key.kind === "contract")) {
      last.commands.push(openCommand(line.entry, line.request));
    }
  }
  const sold = chains.filter(({ key }) => key.kind === "offer" || key.kind === "contract");
  const basis = basisOf(await replayUnverified(sold, timeZone), contract, period, timeZone);
  if (basis === undefined) {
    throw new QuanjiError("EVIDENCE_MISSING", "the evidence has not the contract's chains", { field: "contract" });
  }
  const withheld = chains.reduce((sum, chain) => sum + chain.withheld.length, 0);
  return { basis, withheld, lines: joined(read, iterator) };
}

async function* joined(read: readonly string[], rest: AsyncIterator<string>): AsyncGenerator<string, void, void> {
  yield* read;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/**
 * One pass over the evidence. With a trust file: contract, offer and figures are what the file's own chains lead to, and nothing is
 * believed unless the file verifies. Without, all is as the gateway sends it.
 * Errors: the verdict's code; EVIDENCE_MISSING; whatever the source throws.
 */
export async function reckonMonth(
  { basis, withheld, lines }: OpenedEvidence,
  { contract: id, period, named, untallied, trust }: Asked,
): Promise<MonthReckoning> {
  const logs = new Set<string>();
  if (trust === undefined) {
    const pass = new Pass(basis, period, named, untallied);
    for await (const line of withLogs(lines, logs)) {
      const text = recordOf(line);
      if (text === undefined) continue;
      const bytes = splitRecordText(text);
      pass.add(parseRecord(bytes), recordLeaf(bytes));
    }
    return { ...pass.close(logs, undefined), withheld };
  }
  let pass: Pass | undefined;
  let header: TrailLineOf<"trail"> | undefined;
  const verdict = await verifyTrail(withLogs(lines, logs), trust, {
    observer: {
      begin: (line) => (header = line),
      market: (market, { timeZone }) => {
        const verified = basisOf(market, id, period, timeZone);
        if (verified !== undefined) pass = new Pass(verified, period, named, untallied);
      },
      record: ({ record, leaf }) => pass?.add(record, leaf),
    },
  });
  if (!verdict.ok) {
    const { code = "PROOF_INVALID", detail, message = "the evidence does not verify" } = verdict;
    throw new QuanjiError(code, message, detail === undefined ? {} : { detail });
  }
  if (pass === undefined) throw new QuanjiError("TRAIL_INCOMPLETE", "the evidence has not the contract's chains");
  assertWhole(header, pass.month);
  return { ...pass.close(logs, verdict), withheld };
}

/** A true trail of another grant, or of a shorter time, would verify. Errors: TRAIL_INCOMPLETE. */
function assertWhole(header: TrailLineOf<"trail"> | undefined, { fromMs, toMs, version }: ContractMonth): void {
  const { key, from, to } = header ?? {};
  const isWhole =
    key?.kind === "grant" && key.id === version.terms.grant && from === instant(fromMs) && to === instant(toMs);
  if (isWhole) return;
  throw new QuanjiError("TRAIL_INCOMPLETE", "the evidence is of another grant than the contract's, or of another time");
}

function basisOf(market: Market, id: string, period: string, timeZone: string): ReckoningBasis | undefined {
  const contract = market.contracts.get(id);
  if (contract === undefined) return undefined;
  const offer = market.offers.get(contractMonth(contract, period, timeZone).version.terms.offer);
  const name = statementName(id, period);
  const [statement, indicator] = [market.statements.get(name), market.indicators.get(name)];
  return offer && { contract, offer, timeZone, statement, indicator };
}

/** Notes which logs have a section, with records or without. */
async function* withLogs(lines: AsyncIterable<string>, logs: Set<string>): AsyncGenerator<string, void, void> {
  for await (const line of lines) {
    // Canonical JSON sorts its members, so that these are the first bytes of such a line.
    if (line.startsWith('{"log":')) {
      const { t, log } = JSON.parse(line) as { readonly t: string; readonly log: string };
      if (t === "log") logs.add(log);
    }
    yield line.endsWith("\n") ? line : `${line}\n`;
  }
}

/** Text of a record in a `record` line. */
export function recordOf(line: string): string | undefined {
  if (!line.includes('"t":"record"')) return undefined;
  const { t, r } = JSON.parse(line) as { readonly t: string; readonly r?: string };
  return t === "record" ? r : undefined;
}
