/** A trail as a stream: bytes to lines, every limit checked before anything is parsed, and the digest of what came before. */
import {
  COMMAND_LINE_LIMITS,
  EVIDENCE_LIMITS,
  parseWith,
  QuanjiError,
  TrailLine,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import {
  fromUtf8,
  Hashing,
  isHashText,
  type Json,
  type JsonObject,
  type Limits,
  parseCanonical,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import { refuse } from "./verdict.js";

/** A fault of the reader that was passed in (disk, network), not of the evidence. Carries what was thrown. */
export class SourceFault extends Error {
  constructor(cause: unknown) {
    super("the trail could not be read", { cause });
    this.name = "SourceFault";
  }
}

export type TrailSource = string | Uint8Array | AsyncIterable<Uint8Array | string>;

/** Canonical JSON sorts its members, so these are the first bytes of every `command` line, the only long ones. */
const COMMAND_START = utf8('{"entry":');
const LF = 0x0a;

/**
 * Lines without their line feed, those that end within one chunk together; chunks may end anywhere. They are views of the
 * chunk, good until the next are asked for. Errors: LIMIT_EXCEEDED (a line above 64 KiB, 3 MiB for commands), after all lines
 * before it; SourceFault for whatever the source throws.
 */
export async function* linesOf(source: TrailSource): AsyncGenerator<readonly Uint8Array[]> {
  const begun = new GrowingBytes();
  for await (const chunk of chunksOf(source)) {
    const lines: Uint8Array[] = [];
    const start = endedLines(chunk, begun, lines);
    if (lines.length > 0) yield lines;
    if (start < chunk.length) begun.add(chunk.subarray(start));
    assertLength(begun.bytes());
  }
  if (begun.bytes().length > 0) yield [begun.bytes()];
}

/** Adds the lines that end in the chunk, as far as they keep their limit; answers where the next one begins. */
function endedLines(chunk: Uint8Array, begun: GrowingBytes, lines: Uint8Array[]): number {
  let start = 0;
  for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
    const line = begun.joined(chunk.subarray(start, end));
    if (line.length > limitsOf(line).maxBytes) {
      begun.add(line);
      return chunk.length;
    }
    lines.push(line);
    start = end + 1;
  }
  return start;
}

/** A line that is not finished. Doubles its room, so that a line in many small chunks is still copied O(1) times a byte. */
class GrowingBytes {
  #room = new Uint8Array(4096);
  #length = 0;

  add(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > this.#room.length) {
      const room = new Uint8Array(Math.max(length, this.#room.length * 2));
      room.set(this.bytes());
      this.#room = room;
    }
    this.#room.set(part, this.#length);
    this.#length = length;
  }

  /** A view, good until the next call. */
  bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }

  /** The whole line, given its end: a copy, where it began earlier. What follows is a new line. */
  joined(end: Uint8Array): Uint8Array {
    if (this.#length === 0) return end;
    this.add(end);
    const line = this.bytes().slice();
    this.#length = 0;
    return line;
  }
}

async function* chunksOf(source: TrailSource): AsyncGenerator<Uint8Array> {
  if (typeof source === "string") yield utf8(source);
  else if (source instanceof Uint8Array) yield source;
  else {
    const chunks = source[Symbol.asyncIterator]();
    let finished = false;
    try {
      for (;;) {
        const step = await chunks.next().catch((cause: unknown) => {
          finished = true;
          throw new SourceFault(cause);
        });
        finished = step.done === true;
        if (step.done === true) return;
        yield typeof step.value === "string" ? utf8(step.value) : step.value;
      }
    } finally {
      if (!finished) await chunks.return?.();
    }
  }
}

const isCommand = (line: Uint8Array): boolean => COMMAND_START.every((byte, i) => line[i] === byte);

/** Of a line, or of what has come of it: its first bytes say which limit it has. */
function assertLength(line: Uint8Array): void {
  const { maxBytes } = limitsOf(line);
  if (line.length > maxBytes) refuse("LIMIT_EXCEEDED", `a line has more than ${maxBytes} bytes`);
}

const limitsOf = (line: Uint8Array): Limits => (isCommand(line) ? COMMAND_LINE_LIMITS : EVIDENCE_LIMITS);

/** Errors: NOT_UTF8, NOT_CANONICAL, TYPE_UNKNOWN, VERSION_UNKNOWN, FIELD_UNKNOWN, NUMBER_FORBIDDEN, LIMIT_EXCEEDED. */
export function parseLine(bytes: Uint8Array): TrailLine {
  const plain = bytes.length > EVIDENCE_LIMITS.maxBytes ? undefined : plainRecord(fromUtf8(bytes));
  if (plain !== undefined) return plain;
  const json = parseCanonical(bytes, limitsOf(bytes));
  assertKnown(json);
  return recordLine(json) ?? parseWith(TrailLine, json);
}

const PLAIN =
  /^\{"o":\{"(links\.[a-z]{1,16})":\{"salt":"([A-Za-z0-9_-]{43})","value":\{"n":(0|[1-9][0-9]{0,14}),"prev":"([A-Za-z0-9_-]{43})"\}\}\},(?:"q":\{"payload":"([A-Za-z0-9_-]*)","protected":"([A-Za-z0-9_-]*)","signature":"([A-Za-z0-9_-]*)"\},)?"r":"/;
/** Any but a quote's and a line feed's, which JSON has to escape, and in this way; of a backslash and others nothing is said here. */
const OTHER_ESCAPE = /\\[^"n]/;
/** Begins with the quote that ends `r`: a JSON parser would take white space after it. */
const PLAIN_END = '","t":"record"}';

/**
 * A `record` line as nearly all are written, taken apart without parsing it: its fixed parts compared, and of its one long
 * string the escapes looked at: they are those that have one spelling. So it is canonical. Undefined for everything else, of
 * which nothing is said. Must take nothing that the long way refuses, and make the same of it (`lines.test.ts`).
 */
export function plainRecord(text: string): TrailLineOf<"record"> | undefined {
  if (!text.endsWith(PLAIN_END)) return undefined;
  const found = PLAIN.exec(text);
  if (found === null) return undefined;
  const [start, path = "", salt = "", n = "", prev = "", payload, header, signature] = found;
  if (!isHashText(salt)) return undefined;
  const written = text.slice(start.length - 1, text.length - PLAIN_END.length + 1);
  if (OTHER_ESCAPE.test(written)) return undefined;
  const r = stringOf(written);
  if (r?.isWellFormed() !== true) return undefined;
  const line = { t: "record", r, o: { [path]: { salt, value: { n: Number(n), prev } } } } as const;
  if (payload === undefined || header === undefined || signature === undefined) return line;
  return { ...line, q: { payload, protected: header, signature } };
}

function stringOf(written: string): string | undefined {
  try {
    const value: unknown = JSON.parse(written);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined; // no JSON: the long way says so
  }
}

const TYPES: ReadonlySet<unknown> = new Set(TrailLine.options.map((option) => option.shape.t.value));

function assertKnown(json: JsonObject): void {
  const { t, v } = json;
  if (!TYPES.has(t)) throw new QuanjiError("MALFORMED", "a line of no known type", { detail: "TYPE_UNKNOWN" });
  if (t === "trail" && v !== "quanji.trail.v1") {
    throw new QuanjiError("MALFORMED", "the trail's version is not quanji.trail.v1", { detail: "VERSION_UNKNOWN" });
  }
}

/**
 * A `record` line that fits its schema, at a fifth of the schema's cost: there may be a million. Undefined for everything
 * else, about which the schema then speaks. Must take nothing that the schema refuses (`lines.test.ts`).
 */
export function recordLine(json: JsonObject): TrailLineOf<"record"> | undefined {
  const { t, r, o, q } = json;
  if (t !== "record" || typeof r !== "string" || !isObject(o)) return undefined;
  if (!hasOnly(json, q === undefined ? 3 : 4)) return undefined;
  for (const [path, opening] of Object.entries(o)) if (!PATH.test(path) || !isOpening(opening)) return undefined;
  if (q === undefined) return { t, r, o: o as TrailLineOf<"record">["o"] };
  if (!isObject(q) || !hasOnly(q, 3)) return undefined;
  const { payload, protected: header, signature } = q;
  if (typeof payload !== "string" || typeof header !== "string" || typeof signature !== "string") return undefined;
  return { t, r, o: o as TrailLineOf<"record">["o"], q: { payload, protected: header, signature } };
}

const PATH = /^[a-z][A-Za-z0-9.]{0,63}$/;

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && !Array.isArray(value);

const hasOnly = (value: JsonObject, members: number): boolean => Object.keys(value).length === members;

const isOpening = (value: Json): boolean =>
  isObject(value) &&
  hasOnly(value, 2) &&
  value["value"] !== undefined &&
  typeof value["salt"] === "string" &&
  isHashText(value["salt"]);

/** SHA-256 over whole lines, their line feeds included. */
export class LineDigest {
  readonly #hashing = new Hashing();
  /** Short lines gather here: one call for many. */
  readonly #room = new Uint8Array(64 * 1024);
  #length = 0;

  add(line: Uint8Array): void {
    if (this.#length + line.length + 1 > this.#room.length) this.#flush();
    if (line.length + 1 > this.#room.length) {
      this.#hashing.add(line).add(Uint8Array.of(LF));
      return;
    }
    this.#room.set(line, this.#length);
    this.#room[this.#length + line.length] = LF;
    this.#length += line.length + 1;
  }

  #flush(): void {
    this.#hashing.add(this.#room.subarray(0, this.#length));
    this.#length = 0;
  }

  value(): string {
    this.#flush();
    return toBase64url(this.#hashing.value());
  }
}
