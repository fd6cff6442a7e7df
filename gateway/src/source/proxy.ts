/** A reverse proxy before a source that knows nothing of tickets: takes the ticket, passes the request on, streams the answer. */
import { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { request as send } from "undici";
import { TICKET_HEADER } from "../delivery/ticket.js";
import type { SourceAdapter } from "./adapter.js";
import type { SourceConfig } from "./config.js";
import { headerOf, problemOf } from "./middleware.js";

type Route = SourceConfig["routes"][number];

/** What belongs to one connection and not to the message (RFC 9110 §7.6.1), and what only this door reads. */
const NOT_PASSED = new Set([
  "connection",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  TICKET_HEADER,
]);

const NOWHERE = "http://source.invalid";

export interface ProxyDoor {
  readonly adapter: Pick<SourceAdapter, "redeem">;
  readonly routes: readonly Route[];
  readonly report: (what: string, error: unknown) => void;
}

/** GET and HEAD alone: a source is read. `/healthz` needs no ticket. */
export const newSourceListener =
  (door: ProxyDoor): RequestListener =>
  (request, response) => {
    pass(door, request, response).catch((error: unknown) => {
      if (isQuanjiError(error, "NOT_RECORDED")) {
        refuse(response, 403, problemOf(error));
        return;
      }
      door.report("a request failed", error);
      // Cut off where it is: a half answer must not look like a whole one.
      if (response.headersSent) response.destroy();
      else refuse(response, 502, '{"code":"SOURCE_FAILED","status":502,"title":"the source did not answer"}');
    });
  };

async function pass(door: ProxyDoor, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "/" } = request;
  request.resume();
  if (url === "/healthz") {
    response.end("ok\n");
    return;
  }
  const route = routeOf(door.routes, url);
  if (route === undefined || (method !== "GET" && method !== "HEAD")) {
    refuse(response, 404, '{"code":"NOT_FOUND","status":404,"title":"there is nothing here"}');
    return;
  }
  await door.adapter.redeem(headerOf(request.headers[TICKET_HEADER]), route.resource);
  const left = new AbortController();
  response.once("close", () => left.abort());
  const answer = await send(targetOf(route, url), { method, headers: passed(request.headers), signal: left.signal });
  response.writeHead(answer.statusCode, passed(answer.headers));
  await pipeline(answer.body, response);
}

/**
 * The prefix ends at a path's segment: `/weather` is not the beginning of `/weather2`. A path that is not in its normal form
 * (`/weather/../other`) would leave the target's, and is no path here.
 */
function routeOf(routes: readonly Route[], url: string): Route | undefined {
  const [path = ""] = url.split("?");
  if (!URL.canParse(url, NOWHERE) || new URL(url, NOWHERE).pathname !== path) return undefined;
  const fits = ({ prefix }: Route): boolean =>
    path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
  return routes.filter(fits).sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

const targetOf = ({ prefix, target }: Route, url: string): string => {
  const rest = url.slice(prefix.length);
  return target.replace(/\/$/, "") + (rest === "" || /^[/?]/.test(rest) ? rest : `/${rest}`);
};

const passed = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || NOT_PASSED.has(name.toLowerCase()) ? [] : [[name, value] as const],
    ),
  );

function refuse(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "application/problem+json" }).end(body);
}
