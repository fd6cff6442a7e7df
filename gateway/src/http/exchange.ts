/**
 * One request and its answer. Knows which command it is about as soon as one could be parsed, so that everything said
 * afterwards, errors included, is signed and bound to it; and writes the one line of log when the answer has ended.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Code, QuanjiError } from "@quanji/chaincode/domain";
import { problemOf, sendProblem, toQuanjiError } from "./answers.js";
import { staleTime } from "./authenticate.js";
import type { Edge } from "./edge.js";

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query exactly as they came: what a command's url must end in. */
  readonly rawUrl: string;
  /** Identity of the command, once parsed. */
  hash: string | undefined;
  /** Party of the key, once its signature was found good. */
  party: string | undefined;
  #code: Code | undefined;
  #error: unknown;

  constructor(edge: Edge, route: string, request: IncomingMessage, response: ServerResponse, rawUrl: string) {
    this.request = request;
    this.response = response;
    this.rawUrl = rawUrl;
    const start = performance.now();
    response.once("close", () => {
      const ms = performance.now() - start;
      // What the client left before its answer was complete has no status of ours: 499, as proxies log it.
      const status = response.writableFinished ? response.statusCode : 499;
      edge.metrics.answered(route, status, ms / 1000);
      const { hash, party } = this;
      edge.log.request({ route, request: hash, party, status, code: this.#code, ms, error: this.#error });
    });
  }

  /** Answers with a body for the command. */
  answer(edge: Edge, status: number, body: unknown): Promise<void> {
    if (this.hash === undefined) throw new TypeError("a signed answer needs a request");
    return edge.answers.send(this.response, this.hash, status, body);
  }

  /** Answers a denial or an error; `extra` goes into a signed body beside the problem. */
  async refuse(edge: Edge, cause: unknown, extra: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const error = toQuanjiError(cause);
    this.#code = error.code;
    this.#error = cause;
    const { response } = this;
    if (response.headersSent) {
      response.destroy(); // a stream that breaks off has no `end` line: the client sees that it is not complete
      return;
    }
    const problem = problemOf(error, error.code === "COMMAND_STALE" ? await staleTime(edge) : undefined);
    if (error.code === "LIMITED") response.setHeader("retry-after", "1");
    if (error.code === "TIMEOUT") response.setHeader("connection", "close");
    if (this.hash === undefined) sendProblem(response, problem);
    else await edge.answers.send(response, this.hash, problem.status, { ...problem, ...extra });
  }

  /** Notes a code that the log shall have although the answer is a stream. */
  note(code: Code | undefined): void {
    this.#code = code;
  }

  /** Aborted once the client is gone. */
  leaving(): AbortSignal {
    const controller = new AbortController();
    this.response.once("close", () => {
      if (!this.response.writableFinished) controller.abort(GONE);
    });
    return controller.signal;
  }
}

/** Made once: a reason of its own for every abort would cost more than the rest of the signal. */
const GONE = new Error("the client is gone");

/** Writes and waits while the client does not keep up. Resolves to false once it is gone. */
export function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  if (response.write(text)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle);
      signal.removeEventListener("abort", settle);
      resolve(!signal.aborted);
    };
    response.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}

/** Errors: MALFORMED for a path whose percent-encoding is broken. */
export const brokenPath = (): QuanjiError =>
  new QuanjiError("MALFORMED", "the path is not well-formed", { field: "path" });
