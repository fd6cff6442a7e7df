/** Terms of a grant from flags. */
import {
  ACTIONS,
  ENVIRONMENTS,
  type Grant,
  instant,
  type Obligation,
  PERIODS,
  type Resource,
  Terms,
  parseWith,
} from "@quanji/chaincode/domain";
import type { Context } from "../context.js";
import { type Options, toCount, toInstant, toJson, toOneOf, toPartyId, toRange, UsageError } from "../options.js";

export const TERM_OPTIONS: readonly (readonly [string, string])[] = [
  ["--purpose <codes>", "purposes, e.g. insurance.pricing"],
  ["--fields <names>", "fields (default: all of the resource)"],
  ["--actions <actions>", `${ACTIONS.join(", ")} (default: query)`],
  ["--days <n>", "how many days from now (default: 365)"],
  ["--from <time>", "start of the window (default: now)"],
  ["--until <time>", "end of the window"],
  ["--range <from/to>", "range of the data, e.g. 2026-01-01/2026-07-01"],
  ["--months <n>", "or: the last n months of data at each access"],
  ["--environments <kinds>", `${ENVIRONMENTS.join(", ")} (default: api)`],
  ["--jurisdictions <codes>", "where it is used (default: yours)"],
  ["--lawful-basis <text>", "default: the resource's"],
  ["--quota <n/period>", `calls a period: 1000/P1M; rows: 1000/P1M/row. Periods: ${PERIODS.join(", ")}`],
  [
    "--share <log=n>...",
    "of the quota, by log: its number or name, e.g. 0=600 (default: all in the first log of the grant)",
  ],
  ["--rate <n/seconds>", "at most n accesses in so many seconds, e.g. 10/60"],
  ["--mask <field[:p,s]>...", "keep p characters of its beginning and s of its end"],
  ["--round <field:step>...", "round to steps, e.g. temp_max:0.5"],
  ["--drop <field>...", "leave the field out"],
  [
    "--operating <party>",
    "with the action derive: who holds the operating right in what is made; that survives the grant",
  ],
  ["--on-stop <what>", "what a running stream does when the grant is stopped: stop or complete (default: stop)"],
  ["--terms <file>", "JSON with any of the terms; flags win over it"],
];

const YEAR_DAYS = 365;
const DAY_MS = 86_400_000;

/** Terms for a resource; what neither flags nor file say has the widest sensible value. Errors: MALFORMED naming the term. */
export async function termsOf(
  context: Context,
  resource: Resource,
  options: Options,
  { jurisdiction, nowMs }: { readonly jurisdiction: string; readonly nowMs: number },
): Promise<Terms> {
  const file = options.text("terms");
  const given = file === undefined ? {} : toJson(await context.readText(file), file);
  if (typeof given !== "object" || given === null) throw new UsageError("--terms names a file with a JSON object");
  const base: Record<string, unknown> = {
    actions: ["query"],
    fields: resource.fields.map(({ name }) => name),
    window: { from: instant(nowMs), until: instant(nowMs + YEAR_DAYS * DAY_MS) },
    environments: ["api"],
    jurisdictions: [jurisdiction],
    lawfulBasis: resource.basis?.law ?? "agreement of the parties",
    onStop: "stop",
    ...given,
  };
  const terms = shared({ ...base, ...flags(options, nowMs) }, resource.logs, options);
  if (!("purposes" in terms)) throw new UsageError("for which purpose? give --purpose, e.g. insurance.pricing");
  return parseWith(Terms, terms);
}

/** Terms of a parent, narrowed by flags. */
export function withTerms(
  { terms: parent, logs }: Pick<Grant, "terms" | "logs">,
  options: Options,
  nowMs: number,
): Terms {
  const narrowed = flags(options, nowMs);
  const window =
    "window" in narrowed ? narrowed["window"] : { ...parent.window, from: laterOf(parent.window.from, instant(nowMs)) };
  const merged = shared({ ...parent, ...narrowed, window }, logs, options);
  const { derivative, ...rest } = { ...merged, obligations: kept(merged) };
  // A clause on derivatives has nothing to bind where nothing may be derived.
  const derives = derivative !== undefined && merged.actions.includes("derive");
  return parseWith(Terms, derives ? { ...rest, derivative } : rest);
}

/** Shares of a quota by log, as they were typed. Without any they stay as they are. */
function shared<T extends { readonly quota?: unknown }>(terms: T, logs: readonly string[], options: Options): T {
  const typed = options.many("share");
  if (typed.length === 0) return terms;
  if (terms.quota === undefined) throw new UsageError("--share is a share of a quota: give --quota, too");
  return { ...terms, quota: { ...(terms.quota as object), allotted: toShares(typed, logs) } };
}

/** `<log>=<n>`, the log by its name or by the number at its end. */
export function toShares(typed: readonly string[], logs: readonly string[]): { log: string; n: number }[] {
  return typed.map((text) => {
    const [, name = "", n = ""] = /^(.+)=(\d{1,15})$/.exec(text) ?? [];
    const log = logs.find((origin) => origin === name || origin.endsWith(`/${name}`));
    if (log === undefined) throw new UsageError(`--share looks like 0=600; the logs are ${logs.join(", ")}`);
    return { log, n: Number(n) };
  });
}

const laterOf = (a: string, b: string): string => (a > b ? a : b);

/** Obligations on fields that are no longer granted have nothing to bind. */
const kept = ({ fields, obligations = [] }: Pick<Terms, "fields" | "obligations">) =>
  obligations.filter(({ field }) => fields.includes(field));

/** Errors: usage. Before anything is asked of the gateway. */
export function assertTermFlags(options: Options, nowMs: number): void {
  options.count("depth", "--depth");
  flags(options, nowMs);
}

function flags(options: Options, nowMs: number): Record<string, unknown> {
  const all: Record<string, unknown> = {
    purposes: options.list("purpose"),
    fields: options.list("fields"),
    actions: options.list("actions"),
    environments: options.list("environments"),
    jurisdictions: options.list("jurisdictions"),
    lawfulBasis: options.text("lawfulBasis"),
    onStop: options.oneOf("onStop", "--on-stop", ["stop", "complete"] as const),
    window: windowOf(options, nowMs),
    dataRange: dataRangeOf(options),
    quota: quotaOf(options.text("quota")),
    rate: rateOf(options.text("rate")),
    obligations: obligationsOf(options),
    derivative: derivativeOf(options.text("operating")),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function derivativeOf(operating: string | undefined): Terms["derivative"] | undefined {
  if (operating === undefined) return undefined;
  return { lineage: "required", operating: toPartyId(operating, "--operating"), survives: true };
}

function windowOf(options: Options, nowMs: number): Terms["window"] | undefined {
  const [from, until, days] = [options.text("from"), options.text("until"), options.count("days", "--days")];
  if (from === undefined && until === undefined && days === undefined) return undefined;
  const start = from === undefined ? instant(nowMs) : toInstant(from, "--from");
  const end =
    until === undefined ? instant(Date.parse(start) + (days ?? YEAR_DAYS) * DAY_MS) : toInstant(until, "--until");
  return { from: start, until: end };
}

function dataRangeOf(options: Options): Terms["dataRange"] {
  const range = options.text("range");
  if (range !== undefined) return toRange(range, "--range");
  const months = options.count("months", "--months");
  return months === undefined ? undefined : { months };
}

export function quotaOf(text: string | undefined): Terms["quota"] {
  if (text === undefined) return undefined;
  const [n = "", per = "", unit = "call", ...rest] = text.split("/");
  if (rest.length > 0) throw new UsageError("--quota looks like 1000/P1M or 1000/P1M/row");
  return {
    n: toCount(n, "--quota"),
    per: toOneOf(per, "the period of --quota", PERIODS),
    unit: toOneOf(unit, "the unit of --quota", ["call", "row"] as const),
  };
}

function rateOf(text: string | undefined): Terms["rate"] {
  if (text === undefined) return undefined;
  const [n = "", seconds = "", ...rest] = text.split("/");
  if (rest.length > 0) throw new UsageError("--rate looks like 10/60");
  return { n: toCount(n, "--rate"), seconds: toCount(seconds, "the seconds of --rate") };
}

function obligationsOf(options: Options): Obligation[] | undefined {
  const made = (["mask", "round", "drop"] as const).flatMap((op) =>
    options.many(op).map((text): Obligation => {
      const [field = "", ...rest] = text.split(":");
      const arg = rest.join(":");
      return arg === "" ? { op, field } : { op, field, arg };
    }),
  );
  return made.length === 0 ? undefined : made;
}
