/**
 * How an access becomes the URL of somebody's API. Written in the gateway's configuration:
 * `https://api.example/v1/days/{eq.station}?from={from}&to={to}&only={fields}&max={limit}&skip={after}`.
 *
 * Placeholders: `fields` (names, comma-separated), `from` (inclusive), `to` (exclusive), `where` (conditions as JSON),
 * `eq.NAME`, `ge.NAME`, `le.NAME`, `in.NAME` (comma-separated), `limit`, `after`. A parameter whose placeholder has no
 * value is left out. In the path only `eq.NAME`, `from` and `to` may stand, and then an access has to bring them.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { type Condition, constantsOf } from "./query.js";
import { columnOf, type Columns } from "./row.js";
import { fieldsToRead, type Remaining, type SourceRequest } from "./source.js";

const SHAPE = /^(https?:\/\/[^/?#{}@\s\\]+)(\/[^?#\s\\]*)?(?:\?([^#\s]*))?$/;
const PLACEHOLDER = /^(?:fields|from|to|where|limit|after|(?:eq|ge|le|in)\.[A-Za-z][A-Za-z0-9_]{0,63})$/;
const IN_PATH = /^(?:from|to|eq\..+)$/;

/** Literal texts and placeholders by turns: those at odd places are placeholders. */
type Parts = readonly string[];

export interface Expanded {
  readonly url: string;
  /** What the source was not asked to do and is left to us. */
  readonly remaining: Remaining;
}

export class UrlTemplate {
  readonly origin: string;
  readonly #segments: readonly Parts[];
  readonly #parameters: readonly Parts[];
  readonly #columns: Columns;

  /** Errors: CONFIG_INVALID naming `url`. */
  constructor(text: string, columns: Columns = {}) {
    const match = SHAPE.exec(text);
    const origin = match?.[1];
    if (match === null || origin === undefined || !URL.canParse(origin)) {
      throw badTemplate("is no http(s) URL, or has a placeholder, user or fragment where none may stand");
    }
    this.origin = origin;
    this.#columns = columns;
    this.#segments = (match[2] ?? "/").split("/").slice(1).map(parts);
    this.#parameters = (match[3] ?? "").split("&").filter(Boolean).map(parts);
    for (const name of this.#segments.flatMap(placeholders)) {
      if (!IN_PATH.test(name)) throw badTemplate(`{${name}} may not stand in the path`);
    }
    for (const parameter of this.#parameters) {
      if (!(parameter[0] ?? "").includes("=")) throw badTemplate("a parameter is written name=value");
    }
  }

  /** Errors: MALFORMED if the path needs what the access does not bring. */
  expand(request: SourceRequest): Expanded {
    const filters = this.#filterValues(request);
    const used = new Set([...this.#segments, ...this.#present(filters)].flatMap(placeholders));
    // A source that counts before it filters would pass over the wrong rows, so it counts only if it filters by everything.
    const paged = new Map([...filters, ...(conveysAll(request, used) ? this.#pageValues(request) : [])]);
    const path = this.#segments.map((segment) => pathSegment(segment, filters)).join("/");
    const query = this.#present(paged)
      .map((parameter) => fill(parameter, paged))
      .join("&");
    return {
      url: `${this.origin}/${path}${query === "" ? "" : `?${query}`}`,
      remaining: { after: paged.has("after") && this.#mentions("after") ? 0 : request.after },
    };
  }

  #mentions(name: string): boolean {
    return this.#parameters.some((parameter) => placeholders(parameter).includes(name));
  }

  /** The parameters all of whose placeholders have a value. */
  #present(values: ReadonlyMap<string, string>): Parts[] {
    return this.#parameters.filter((parameter) => placeholders(parameter).every((name) => values.has(name)));
  }

  #filterValues(request: SourceRequest): Map<string, string> {
    const column = (name: string): string => columnOf(this.#columns, name);
    const values = new Map([
      [
        "fields",
        fieldsToRead(request)
          .map(({ name }) => column(name))
          .join(","),
      ],
    ]);
    if (request.range !== undefined) {
      values.set("from", request.range.from);
      values.set("to", request.range.to);
    }
    if (request.where.length > 0) {
      values.set(
        "where",
        JSON.stringify(request.where.map((condition) => ({ ...condition, field: column(condition.field) }))),
      );
    }
    for (const condition of request.where) {
      const text = listText(condition);
      if (text !== undefined && isAlone(condition, request.where)) values.set(placeholderOf(condition), text);
    }
    return values;
  }

  #pageValues({ limit, after }: SourceRequest): [string, string][] {
    if (after > 0 && !this.#mentions("after")) return [];
    return [["after", String(after)], ...(limit === undefined ? [] : [["limit", String(limit)] as [string, string]])];
  }
}

const badTemplate = (message: string): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `url: ${message}`, { field: "url" });

function parts(text: string): Parts {
  const found = text.split(/\{([^{}]*)\}/);
  for (const [i, part] of found.entries()) {
    if (i % 2 === 0 ? /[{}]/.test(part) : !PLACEHOLDER.test(part)) throw badTemplate(`{${part}} is no placeholder`);
  }
  return found;
}

const placeholders = (found: Parts): string[] => found.filter((_, i) => i % 2 === 1);

const fill = (found: Parts, values: ReadonlyMap<string, string>): string =>
  found.map((part, i) => (i % 2 === 0 ? part : encodeURIComponent(values.get(part) ?? ""))).join("");

/** A value must stay one segment: `..` would climb, an empty one would merge two. */
function pathSegment(segment: Parts, values: ReadonlyMap<string, string>): string {
  const needed = placeholders(segment);
  const missing = needed.find((name) => (values.get(name) ?? "") === "");
  if (missing !== undefined) {
    throw new QuanjiError("MALFORMED", `this source can only be asked with ${missing.replace(".", " on ")}`, {
      field: "query",
    });
  }
  const text = fill(segment, values);
  if (needed.length > 0 && (text === "." || text === "..")) {
    throw new QuanjiError("MALFORMED", "this source cannot be asked for that value", { field: "query" });
  }
  return text;
}

const placeholderOf = ({ op, field }: Condition): string => `${op}.${field}`;

const isAlone = (condition: Condition, where: readonly Condition[]): boolean =>
  where.filter((other) => placeholderOf(other) === placeholderOf(condition)).length === 1;

/** Undefined for a list that commas cannot separate. */
function listText(condition: Condition): string | undefined {
  const texts = constantsOf(condition).map(String);
  return condition.op === "in" && texts.some((text) => text.includes(",")) ? undefined : texts.join(",");
}

function conveysAll({ where, range }: SourceRequest, used: ReadonlySet<string>): boolean {
  const ranged = range === undefined || (used.has("from") && used.has("to"));
  return (
    ranged &&
    (used.has("where") || where.every((condition) => used.has(placeholderOf(condition)) && isAlone(condition, where)))
  );
}
