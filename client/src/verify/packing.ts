/**
 * Records that another thread has opened, on their way to the one that replays: all checks that need no other line are done, and
 * what they found travels as canonical text, which is parsed again in one go. That costs a quarter of the checks, and less than
 * copying the objects would.
 */
import type { AccessRequest, QuanjiRecord } from "@quanji/chaincode/domain";
import {
  type CommandHeader,
  fromUtf8,
  type Hash,
  type HashText,
  type JsonObject,
  fromBase64url,
  type Opening,
  toHash,
} from "@quanji/chaincode/log";
import { plainRecord } from "./lines.js";
import { type LinkKind, openLink } from "./openings.js";
import { type OpenedRecord, openRecord } from "./record.js";
import { OpenedLine } from "./record-line.js";
import { type OpenedRequest, openRequest } from "./requester.js";

const LF = 0x0a;
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What came of a batch of lines. */
export interface Packed {
  /** A JSON array with a {@link Row} for each line that is a plain record without a fault, and 0 for each other. */
  readonly text: string;
  /** In their order: each record's leaf and, if it has a request, its signature and what was signed. */
  readonly bytes: Uint8Array;
}

type Record_ = readonly [
  face: QuanjiRecord["face"],
  body: QuanjiRecord["body"],
  timeMs: number,
  kind: LinkKind,
  salt: string,
  n: number,
  prev: HashText,
];
type Asked = readonly [request: HashText, header: CommandHeader, payload: AccessRequest, signedBytes: number];
type Row = Record_ | readonly [...Record_, ...Asked];

/** Lines, each with its line feed. Says nothing of a line in which something is wrong: that is for the thread that replays. */
export function pack(lines: Uint8Array): Packed {
  const rows: string[] = [];
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let end = lines.indexOf(LF); end >= 0; end = lines.indexOf(LF, start)) {
    rows.push(rowOf(lines.subarray(start, end), parts) ?? "0");
    start = end + 1;
  }
  return { text: `[${rows.join()}]`, bytes: joined(parts) };
}

function rowOf(line: Uint8Array, parts: Uint8Array[]): string | undefined {
  try {
    const plain = plainRecord(fromUtf8(line));
    const [path = "", opening] = Object.entries(plain?.o ?? {})[0] ?? [];
    const kind = kindOf(path);
    if (plain === undefined || kind === undefined) return undefined;
    const opened = openRecord(plain.r);
    const { n, h } = openLink(opened.record, kind, opening as Opening);
    const request = plain.q === undefined ? undefined : openRequest(plain.q);
    if (request !== undefined && request.type !== "access") return undefined;
    const record = `${plain.r.replace("\n", ",")},${opened.timeMs},"${kind}","${opening?.salt ?? ""}",${n},"${h}"`;
    parts.push(opened.leaf);
    if (request === undefined || plain.q === undefined) return `[${record}]`;
    const { jws } = request;
    parts.push(jws.signature, jws.signingInput);
    const payload = fromUtf8(fromBase64url(plain.q.payload));
    return `[${record},"${jws.request}",${JSON.stringify(jws.header)},${payload},${jws.signingInput.length}]`;
  } catch {
    return undefined; // whoever replays comes upon the same fault, in its place
  }
}

const KINDS: Readonly<Record<string, LinkKind>> = {
  "links.grant": "grant",
  "links.party": "party",
  "links.resource": "resource",
};
const kindOf = (path: string): LinkKind | undefined => (Object.hasOwn(KINDS, path) ? KINDS[path] : undefined);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** For each line that was packed: the record, or undefined where nothing was said. */
export function unpack({ text, bytes }: Packed): readonly (OpenedLine | undefined)[] {
  let at = 0;
  const take = (length: number): Uint8Array => bytes.subarray(at, (at += length));
  return (JSON.parse(text) as readonly (Row | 0)[]).map((row) => {
    if (row === 0) return undefined;
    const [face, body, timeMs, kind, salt, n, prev] = row;
    const leaf: Hash = toHash(take(HASH_BYTES));
    const record = { type: face.type, face, body } as QuanjiRecord;
    const opened: OpenedRecord = { record, leaf, timeMs };
    const opening: Opening = { salt, value: { n, prev } };
    return new OpenedLine(opened, kind, opening, { n, h: prev }, row.length === 7 ? undefined : requestOf(row, take));
  });
}

function requestOf(row: Extract<Row, { readonly length: 11 }>, take: (length: number) => Uint8Array): OpenedRequest {
  const [, , , , , , , request, header, payload, signedBytes] = row;
  const signature = take(SIGNATURE_BYTES);
  const signingInput = take(signedBytes);
  return {
    type: "access",
    jws: { header, payload: payload as JsonObject, signingInput, signature, request },
    payload,
  };
}
