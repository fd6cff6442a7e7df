/** A plain GET as an access: `/res/weather.daily?fields=a,b&from=…&to=…&where=field:op:value&limit=10&purpose=…`. */
import { ACTIONS, QuanjiError, type Resource } from "@quanji/chaincode/domain";
import type { Json } from "@quanji/chaincode/log";
import type { Wanted } from "../commands/access.js";

export const FORMATS = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv; charset=utf-8",
} as const;
export type Format = keyof typeof FORMATS;

export interface PlainRequest {
  readonly resource: string;
  readonly wanted: Omit<Wanted, "environment" | "query">;
  readonly where: readonly Condition[];
  readonly limit: number;
  readonly format: Format;
}

interface Condition {
  readonly field: string;
  readonly op: "eq" | "in" | "ge" | "le";
  readonly value: string;
}

const DEFAULT_LIMIT = 100;
/** A whole answer is held in memory until it has been checked. */
const MAX_LIMIT = 100_000;
const PARAMETERS = new Set(["fields", "from", "to", "where", "limit", "purpose", "grant", "action", "as"]);

const malformed = (field: string, message: string): QuanjiError => new QuanjiError("MALFORMED", message, { field });

/** Errors: MALFORMED naming the parameter. */
export function parsePlain(url: URL, accept: string): PlainRequest {
  const { searchParams: query } = url;
  for (const name of query.keys()) {
    if (!PARAMETERS.has(name)) throw malformed(name, `there is no parameter ${name}: ${[...PARAMETERS].join(", ")}`);
    if (name !== "where" && query.getAll(name).length > 1) throw malformed(name, `${name} is given twice`);
  }
  const limit = parseLimit(query.get("limit"));
  const resource = decodeURIComponent(url.pathname.slice(1));
  return {
    resource,
    wanted: { resource, quantity: limit, ...optional(query) },
    where: query.getAll("where").map(parseCondition),
    limit,
    format: parseFormat(query.get("as"), accept),
  };
}

function optional(query: URLSearchParams): Partial<Wanted> {
  const [fields, purpose, grant] = [query.get("fields"), query.get("purpose"), query.get("grant")];
  const range = parseRange(query.get("from"), query.get("to"));
  return {
    action: parseAction(query.get("action")),
    ...(fields !== null && { fields: fields.split(",") }),
    ...(purpose !== null && { purpose }),
    ...(grant !== null && { grant }),
    ...(range !== undefined && { range }),
  };
}

function parseLimit(text: string | null): number {
  const limit = text === null ? DEFAULT_LIMIT : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw malformed("limit", `limit is a number from 1 to ${MAX_LIMIT}`);
  return limit;
}

function parseRange(from: string | null, to: string | null): { from: string; to: string } | undefined {
  if (from === null && to === null) return undefined;
  if (from === null || to === null) throw malformed(from === null ? "from" : "to", "a range has both from and to");
  return { from, to };
}

function parseAction(text: string | null): (typeof ACTIONS)[number] {
  const action = ACTIONS.find((known) => known === (text ?? "query"));
  if (action === undefined) throw malformed("action", `action is one of ${ACTIONS.join(", ")}`);
  return action;
}

function parseCondition(text: string): Condition {
  const [, field, op, value] = /^([A-Za-z][A-Za-z0-9_]*):(eq|in|ge|le):(.*)$/su.exec(text) ?? [];
  if (field === undefined || op === undefined || value === undefined) {
    throw malformed("where", "where looks like temp_max:ge:30; the operators are eq, in (a,b,c), ge and le");
  }
  return { field, op: op as Condition["op"], value };
}

function parseFormat(as: string | null, accept: string): Format {
  if (as !== null) {
    if (as === "json" || as === "ndjson" || as === "csv") return as;
    throw malformed("as", "as is one of json, ndjson, csv");
  }
  if (accept.includes("text/csv")) return "csv";
  return accept.includes("ndjson") ? "ndjson" : "json";
}

/** The query to commit to, its constants typed as the resource's fields are. */
export function queryOf({ where, limit }: Pick<PlainRequest, "where" | "limit">, { fields }: Resource): Json {
  if (where.length === 0) return { limit };
  const typed = where.map(({ field, op, value }) => {
    const type = fields.find(({ name }) => name === field)?.type;
    return {
      field,
      op,
      value: op === "in" ? value.split(",").map((item) => constant(item, type)) : constant(value, type),
    };
  });
  return { where: typed, limit };
}

/** Numbers that are no whole ones from 0 are written as decimals in a string. */
function constant(text: string, type: Resource["fields"][number]["type"] | undefined): Json {
  if ((type === "number" || type === "integer") && /^(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
