/** A trail's records as rows, for people: what an export shows. Reads the file as it is; the verifier judges it. */
import { parseRecord, parseWith, type QuanjiRecord, splitRecordText, TrailLine } from "@quanji/chaincode/domain";
import { fromUtf8 } from "@quanji/chaincode/log";
import { toJson } from "./options.js";

export const COLUMNS = [
  "time",
  "log",
  "index",
  "type",
  "decision",
  "rule",
  "requester",
  "resource",
  "grant",
  "action",
  "purpose",
  "quantity",
  "rows",
  "bytes",
  "outcome",
  "obligations",
  "request",
] as const;
export type Row = Partial<Record<(typeof COLUMNS)[number], string>>;

export interface TrailRows {
  readonly kind: string;
  readonly id: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly rows: AsyncIterable<Row>;
}

/** Errors: MALFORMED for a line that is none of a trail. */
export async function readTrail(lines: AsyncGenerator<Uint8Array, void, void>): Promise<TrailRows> {
  const first = await lines.next();
  const header = first.done === true ? undefined : parse(first.value);
  const key = header?.t === "trail" ? header.key : { kind: "?", id: "?" };
  const period = header?.t === "trail" ? { from: header.from, to: header.to } : { from: undefined, to: undefined };
  return { ...key, ...period, rows: rowsOf(lines) };
}

async function* rowsOf(lines: AsyncIterable<Uint8Array>): AsyncGenerator<Row, void, void> {
  for await (const bytes of lines) {
    const line = parse(bytes);
    if (line.t === "record") yield rowOf(parseRecord(splitRecordText(line.r)));
  }
}

const parse = (bytes: Uint8Array): TrailLine => parseWith(TrailLine, toJson(fromUtf8(bytes), "a line of the trail"));

function rowOf({ type, face, body }: QuanjiRecord): Row {
  const common = {
    time: body.time,
    log: face.log,
    index: String(face.index),
    type,
    requester: body.requester,
    request: body.request,
  };
  switch (type) {
    case "access":
      return {
        ...common,
        ...use(body),
        decision: face.decision,
        rule: body.rule,
        action: body.action,
        purpose: face.purpose,
        quantity: String(body.quantity),
        obligations: body.obligations.join(" "),
      };
    case "delivery":
      return {
        ...common,
        ...use(body),
        purpose: face.purpose,
        rows: String(body.rows),
        bytes: String(body.bytes),
        outcome: body.outcome,
        obligations: body.masked.join(" "),
      };
    case "acceptance":
      return { ...common, ...use(body), purpose: face.purpose, rows: String(body.rows) };
    case "tally":
      return { ...common, resource: body.resource, quantity: String(body.served) };
    case "void":
      return common;
  }
}

const use = ({ resource, grant }: { readonly resource: string; readonly grant?: string | undefined }): Row => ({
  resource,
  ...(grant !== undefined && { grant }),
});
