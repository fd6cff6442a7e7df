/** The adapter as Express middleware, for a department's own program. */
import { isQuanjiError } from "@quanji/chaincode/domain";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { TICKET_HEADER } from "../delivery/ticket.js";
import type { SourceAdapter } from "./adapter.js";

/**
 * Lets a request through once its ticket for `resource` is taken; answers 403 with a problem otherwise. Put it before the
 * route that reads the data. A receipt is some 6 KB: Node's 16 KiB of headers suffice.
 */
export const requireTicket =
  (adapter: Pick<SourceAdapter, "redeem">, resource: string): RequestHandler =>
  (request: Request, response: Response, next: NextFunction): void => {
    adapter.redeem(headerOf(request.headers[TICKET_HEADER]), resource).then(
      () => next(),
      (error: unknown) => {
        if (!isQuanjiError(error, "NOT_RECORDED")) next(error);
        else response.status(403).type("application/problem+json").send(problemOf(error));
      },
    );
  };

/** A header that came twice is no ticket. */
export const headerOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : undefined;

export const problemOf = ({
  code,
  message,
  detail,
}: {
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
}): string =>
  JSON.stringify({
    type: `urn:quanji:code:${code}`,
    title: message,
    status: 403,
    code,
    detail: message,
    reason: detail,
  });
