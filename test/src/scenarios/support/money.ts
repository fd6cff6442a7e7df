/** Statements of a story: closed from the evidence of a contract's month, and recomputed by who pays. */
import { deepStrictEqual } from "node:assert/strict";
import {
  type Metered,
  metered,
  parseRecord,
  type PeriodReckoning,
  reckon,
  Reckoner,
  recordLeaf,
  splitRecordText,
  type Statement,
  type Tariff,
} from "@quanji/chaincode/domain";
import { hashText, type Json, type JsonObject } from "@quanji/chaincode/log";
import { linesOf, parsed } from "../../support/trails.js";
import { at, instantAt, month } from "./calendar.js";
import type { Story, Used } from "./story.js";

export const MARCH = "2026-03";

export interface Billing {
  readonly contract: string;
  readonly grant: string;
  /** Month of the text: `2026-03`. */
  readonly period: string;
  readonly tariff: Tariff;
  readonly version: number;
  /** Default: the contract's first month. */
  readonly isFirst?: boolean;
}

/** A tariff from the first instant of March on, in fen. */
export const tariffOf = (change: JsonObject): Tariff =>
  ({ unit: "call", currency: "CNY", from: instantAt("2026-03-01"), ...change }) as unknown as Tariff;

export const json = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

const monthAfter = (period: string): string => {
  const [year = "", number = ""] = period.split("-");
  return `${year}-${String(Number(number) + 1).padStart(2, "0")}`;
};

interface Recorded {
  readonly text: string;
  readonly index: number;
  readonly log: string;
}

/** Records in the evidence of the contract's month: what its closer has, and its payer as well. */
async function recordsOfMonth<N extends string>(
  story: Story<N>,
  by: N,
  { contract, period }: Billing,
): Promise<Recorded[]> {
  const text = await story.read(by, `/v1/trails/contract/${contract}?period=${month(period)}`);
  return linesOf(text).flatMap((line) => {
    const { t, r = "" } = parsed(line);
    if (t !== "record") return [];
    const { log, index } = parseRecord(splitRecordText(r)).face;
    return [{ text: r, log, index }];
  });
}

export interface Reckoned extends PeriodReckoning {
  readonly logs: JsonObject[];
}

export async function reckoned<N extends string>(story: Story<N>, by: N, billing: Billing): Promise<Reckoned> {
  const { tariff, grant, period, isFirst = true } = billing;
  const span = { fromMs: at(`${period}-01`), toMs: at(`${monthAfter(period)}-01`) };
  const reckoner = new Reckoner({ tariff, grant, span, acceptance: false, untallied: [] });
  const records = await recordsOfMonth(story, by, billing);
  for (const { text } of records) {
    const bytes = splitRecordText(text);
    reckoner.add(parseRecord(bytes), recordLeaf(bytes));
  }
  const [first, last] = [records[0], records.at(-1)];
  const logs = first === undefined ? [] : [{ log: first.log, from: first.index, to: (last?.index ?? 0) + 1 }];
  return { ...reckoner.close({ isFirst }), logs };
}

/** Payload of `statement.close`. */
export async function closing<N extends string>(story: Story<N>, by: N, billing: Billing): Promise<JsonObject> {
  const { lines, total, held, logs } = await reckoned(story, by, billing);
  const { contract, period, version } = billing;
  return json({
    contract,
    period: month(period),
    tariff: version,
    logs,
    lines,
    held,
    measured: [],
    total: String(total),
  });
}

export async function statementOf<N extends string>(
  story: Story<N>,
  by: N,
  { contract, period }: Pick<Billing, "contract" | "period">,
): Promise<Statement> {
  return (await (await story.client(by)).read(`/v1/statements/${contract}/${month(period)}`)) as unknown as Statement;
}

/** What each party has of an amount, in fen. */
export const sharesOf = <N extends string>(
  story: Story<N>,
  { portions }: Pick<Statement, "portions">,
): Readonly<Record<string, string>> =>
  Object.fromEntries(portions.map(({ party, amount }) => [story.codeOf(party), amount]));

/**
 * The payer's own sum: receipts of the deliveries that it holds, in whatever order they came. Equal to the statement in every
 * line and root; in another order the same bytes.
 */
export function assertRecomputed<N extends string>(
  story: Story<N>,
  uses: readonly Used[],
  { tariff, isFirst = true }: Billing,
  statement: Pick<Statement, "lines" | "amount">,
): void {
  const deliveries = meteredOf(story, uses, tariff);
  for (const order of [deliveries, deliveries.toReversed()]) {
    const { lines, total } = reckon(tariff, order, { isFirst });
    deepStrictEqual([lines, String(total)], [statement.lines, statement.amount], "the payer's own sum");
  }
}

/** What receipts at hand say was delivered whole. */
export const meteredOf = <N extends string>(story: Story<N>, uses: readonly Used[], { unit }: Tariff): Metered[] =>
  uses
    .filter(({ outcome }) => outcome === "✓")
    .flatMap(({ signed }) => {
      const bytes = story.deliveries.get(signed.request);
      const item = bytes && metered(parseRecord(bytes), recordLeaf(bytes), unit);
      return item === undefined ? [] : [item];
    });

/** A delivery by its place, as disputes and adjustments name it. */
export function placeOf<N extends string>(story: Story<N>, { signed }: Used): JsonObject {
  const bytes = story.deliveries.get(signed.request);
  if (bytes === undefined) throw new Error("no receipt of that delivery is at hand");
  const { log, index } = parseRecord(bytes).face;
  return { log, index, leaf: hashText(recordLeaf(bytes)) };
}

/** By (log, index). */
export const inOrder = (places: readonly JsonObject[]): Json[] =>
  [...places].sort((a, b) => Number(a["index"]) - Number(b["index"]));

interface Books {
  readonly accounts: readonly { readonly party: string; readonly balance: string }[];
  readonly suspense?: readonly { readonly amount: string }[];
  readonly clearing?: string;
}

/** All accounts of a month, and that they sum to 0. */
export async function accountsOf<N extends string>(
  story: Story<N>,
  by: N,
  period: string,
): Promise<Readonly<Record<string, string>>> {
  const books = (await (await story.client(by)).read(`/v1/books/${month(period)}/CNY`)) as unknown as Books;
  const all = [...books.accounts.map(({ balance }) => balance), ...(books.suspense ?? []).map(({ amount }) => amount)];
  const sum = all.reduce((total, amount) => total + BigInt(amount), BigInt(books.clearing ?? "0"));
  deepStrictEqual(sum, 0n, "all accounts sum to 0");
  return Object.fromEntries(books.accounts.map(({ party, balance }) => [story.codeOf(party), balance]));
}
