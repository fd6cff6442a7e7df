/** A trail as a stream: bytes to lines, every limit checked before anything is parsed, and the digest of what came before. */
import { sha256 } from "@noble/hashes/sha2.js";
import { COMMAND_LINE_LIMITS, EVIDENCE_LIMITS, parseWith, QuanjiError, TrailLine } from "@quanji/chaincode/domain";
import { type JsonObject, type Limits, parseCanonical, toBase64url, utf8 } from "@quanji/chaincode/log";
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
 * Lines without their line feed, from chunks that may end anywhere. Errors: LIMIT_EXCEEDED (a line above 64 KiB, 3 MiB for
 * commands); SourceFault for whatever the source throws.
 */
export async function* linesOf(source: TrailSource): AsyncGenerator<Uint8Array> {
  const begun = new GrowingBytes();
  for await (const chunk of chunksOf(source)) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      begun.add(chunk.subarray(start, end));
      assertLength(begun.bytes());
      yield begun.take();
      start = end + 1;
    }
    begun.add(chunk.subarray(start));
    assertLength(begun.bytes());
  }
  if (begun.bytes().length > 0) yield begun.take();
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

  /** A copy; what follows is a new line. */
  take(): Uint8Array {
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
  const json = parseCanonical(bytes, limitsOf(bytes));
  assertKnown(json);
  return parseWith(TrailLine, json);
}

const TYPES: ReadonlySet<unknown> = new Set(TrailLine.options.map((option) => option.shape.t.value));

function assertKnown(json: JsonObject): void {
  const { t, v } = json;
  if (!TYPES.has(t)) throw new QuanjiError("MALFORMED", "a line of no known type", { detail: "TYPE_UNKNOWN" });
  if (t === "trail" && v !== "quanji.trail.v1") {
    throw new QuanjiError("MALFORMED", "the trail's version is not quanji.trail.v1", { detail: "VERSION_UNKNOWN" });
  }
}

/** SHA-256 over whole lines, their line feeds included. */
export class LineDigest {
  readonly #hash = sha256.create();

  add(line: Uint8Array): void {
    this.#hash.update(line).update(Uint8Array.of(LF));
  }

  value(): string {
    return toBase64url(this.#hash.clone().digest());
  }
}
