/**
 * The log: one line a request. Members are copied one by one from a closed list, so that payloads, openings, keys and
 * tokens cannot come in by way of some object that holds them.
 */
import { isQuanjiError } from "@quanji/chaincode/domain";
import type { Logger } from "pino";

/** What is known of a request when its answer has ended. */
export interface RequestFacts {
  readonly route: string;
  /** The command's identity, if one could be parsed. */
  readonly request?: string | undefined;
  /** Party of the key, once its signature was found good. */
  readonly party?: string | undefined;
  readonly status: number;
  readonly code?: string | undefined;
  readonly ms: number;
  /** Given for faults of the gateway. */
  readonly error?: unknown;
}

export interface RequestLog {
  request(facts: RequestFacts): void;
  fault(what: string, error: unknown): void;
}

export const newRequestLog = (logger: Logger): RequestLog => ({
  request({ route, request, party, status, code, ms, error }) {
    const line = { route, request, party, status, code, ms: Math.round(ms * 10) / 10 };
    if (status >= 500) logger.error({ ...line, ...describe(error) }, "request");
    else logger.info(line, "request");
  },
  fault: (what, error) => logger.error(describe(error), what),
});

/** Code, detail and stack of an error and its causes; messages of foreign errors stay out, for they may quote values. */
export function describe(error: unknown): Readonly<Record<string, unknown>> {
  const parts: Record<string, unknown> = {};
  if (isQuanjiError(error)) {
    Object.assign(parts, { code: error.code, detail: error.detail, message: error.message });
  } else if (error instanceof Error) parts["error"] = error.name;
  if (error instanceof Error) {
    parts["at"] = framesOf(error);
    if (error.cause !== undefined) parts["cause"] = describe(error.cause);
  }
  return parts;
}

const framesOf = ({ stack = "" }: Error): readonly string[] =>
  stack
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "))
    .slice(0, 6);
