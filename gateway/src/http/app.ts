/** The application: the table of routes, and around them what every answer gets. */
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import helmet from "helmet";
import { defined, parseWith } from "@quanji/chaincode/domain";
import { notFound, problemOf, sendProblem, sendText } from "./answers.js";
import { handleAccess } from "./access.js";
import { assertFresh, assertMayRead, assertNet, identify, reach } from "./authenticate.js";
import { handleCommand } from "./commands.js";
import type { Edge } from "./edge.js";
import { checkOpenings, receive } from "./envelope.js";
import { brokenPath, Exchange, write } from "./exchange.js";
import { PUBLIC_HANDLERS } from "./public.js";
import { parseQueryString } from "./query.js";
import { READ_HANDLERS } from "./reads.js";
import { expressPath, type PublicRoute, type ReadRoute, type Route, ROUTES } from "./routes.js";
import { NoQuery, ReadPayload } from "./schemas.js";

export function newApp(edge: Edge): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.set("case sensitive routing", true);
  app.set("strict routing", true);
  // Signed routes come before the middleware: their answers are data for programs, and the busiest, tried first, must be lean.
  const [visited, signed] = [ROUTES.filter(isPublic), ROUTES.filter((route) => !isPublic(route))];
  signed.sort((a, b) => Number(b.kind === "access") - Number(a.kind === "access"));
  for (const route of signed) app.post(expressPath(route), handlerOf(edge, route));
  app.use(helmet(HELMET));
  for (const route of visited) app.get(expressPath(route), handlerOf(edge, route));
  app.use(handlerFor(edge, "unknown", () => Promise.reject(notFound())));
  app.use(onPathError);
  return app;
}

const isPublic = (route: Route): route is PublicRoute => route.kind === "public";

/** The browsable description needs its own scripts and styles; inline styles are its library's habit. */
const HELMET: Parameters<typeof helmet>[0] = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", "data:"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
};

type Handle = (exchange: Exchange, params: Readonly<Record<string, string>>) => Promise<void>;

function handlerFor(edge: Edge, name: string, handle: Handle): RequestHandler {
  return async (request, response) => {
    const exchange = new Exchange(edge, name, request, response, request.originalUrl);
    try {
      await handle(exchange, request.params as Record<string, string>);
    } catch (error) {
      await exchange.refuse(edge, error);
    }
  };
}

function handlerOf(edge: Edge, route: Route): RequestHandler {
  switch (route.kind) {
    case "access":
      return handlerFor(edge, route.path, (exchange) => handleAccess(edge, exchange));
    case "command":
      return handlerFor(edge, route.path, (exchange) => handleCommand(edge, exchange, route));
    case "read":
      return handlerFor(edge, route.path, (exchange, params) => handleRead(edge, exchange, route, params));
    case "public":
      return handlerFor(edge, route.path, async ({ rawUrl, response }, params) => {
        parseQueryString(rawUrl, NoQuery);
        await PUBLIC_HANDLERS[route.id](edge, response, params);
      });
  }
}

async function handleRead(
  edge: Edge,
  exchange: Exchange,
  route: ReadRoute,
  params: Readonly<Record<string, string>>,
): Promise<void> {
  const received = await receive(exchange.request, "read", edge.settings.bodyTimeoutMs);
  const { header, payload, request } = received.parsed;
  exchange.hash = request;
  const caller = await identify(edge, received, "read", exchange.rawUrl);
  exchange.party = caller.id;
  edge.limiter.take(caller.id);
  await assertFresh(edge, header.iat);
  const { net, atLeast } = parseWith(ReadPayload, payload);
  assertNet(edge, net);
  checkOpenings("read", received);
  await edge.replays.take(header.kid, header.jti);
  const member = await assertMayRead(edge, caller);
  const query = parseQueryString(exchange.rawUrl, route.query);
  await reach(edge, atLeast);
  const answer = await READ_HANDLERS[route.id](edge, { member, params, query });
  if ("lines" in answer) await sendLines(exchange, answer.lines);
  else await exchange.answer(edge, 200, defined(answer.body as object));
}

/** The first line decides: what fails before it is answered as an error, what fails later breaks the stream off. */
async function sendLines(exchange: Exchange, lines: AsyncIterable<string>): Promise<void> {
  const { response } = exchange;
  const signal = exchange.leaving();
  for await (const line of lines) {
    if (!response.headersSent) {
      response.statusCode = 200;
      response.setHeader("content-type", "application/x-ndjson");
      response.setHeader("cache-control", "no-store");
      response.setHeader("x-content-type-options", "nosniff");
    }
    if (!(await write(response, line, signal))) return;
  }
  if (response.headersSent) response.end();
  else sendText(response, 200, "application/x-ndjson", "");
}

/** What the router itself refuses, before any route: percent-encoding that is none. */
const onPathError: ErrorRequestHandler = (_error, _request, response, next) => {
  if (response.headersSent) next();
  else sendProblem(response, problemOf(brokenPath()));
};
