import { type Code, isCode } from "./codes.js";

export interface ErrorParts {
  /** A finer code (PROTOCOL: `NOT_CANONICAL`) or a short fact (`grant 0193…`). Never a personal or confidential value. */
  readonly detail?: string;
  /** Path of the offending field, as in the payload. */
  readonly field?: string;
  /** Position of the offending record in a batch. */
  readonly record?: number;
  readonly cause?: unknown;
}

/** The one error class of the product. `message` is a sentence that tells the user what is wrong or what to do. */
export class QuanjiError extends Error {
  readonly code: Code;
  readonly detail: string | undefined;
  readonly field: string | undefined;
  readonly record: number | undefined;

  constructor(code: Code, message: string, parts: ErrorParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = "QuanjiError";
    this.code = code;
    this.detail = parts.detail;
    this.field = parts.field;
    this.record = parts.record;
  }
}

export const isQuanjiError = (error: unknown, code?: Code): error is QuanjiError =>
  error instanceof QuanjiError && (code === undefined || error.code === code);

const MARK = "quanji:";

/**
 * Fabric carries only text out of chaincode: an error crosses that edge as `quanji:{"code":…}`, encoded once here and
 * decoded once by {@link decodeError} for both ledgers.
 */
export function encodeError(error: QuanjiError): string {
  const { code, message, detail, field, record } = error;
  return MARK + JSON.stringify({ code, message, detail, field, record });
}

/** Finds an encoded error inside an engine's message. Undefined if there is none: then it is the engine's own fault. */
export function decodeError(text: string): QuanjiError | undefined {
  const start = text.indexOf(MARK);
  if (start < 0) return undefined;
  let parts: Record<string, unknown>;
  try {
    parts = JSON.parse(text.slice(start + MARK.length)) as Record<string, unknown>;
  } catch {
    return undefined; // cut or mixed with other text by the engine: treated as an engine fault by the caller
  }
  const { code, message, detail, field, record } = parts;
  if (typeof code !== "string" || !isCode(code) || typeof message !== "string") return undefined;
  return new QuanjiError(code, message, {
    ...(typeof detail === "string" && { detail }),
    ...(typeof field === "string" && { field }),
    ...(typeof record === "number" && { record }),
  });
}
