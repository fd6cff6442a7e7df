/** Public material, by plain GET. Nothing here depends on who asks. */
import { createReadStream } from "node:fs";
import type { ServerResponse } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { CODES, instant, isQuanjiError } from "@quanji/chaincode/domain";
import { z } from "zod";
import { jwsText, NETWORK_TYP, notFound, sendText } from "./answers.js";
import { sendDocumentPage, sendStatusList } from "./documents.js";
import { type Edge, ledgerNow } from "./edge.js";
import { JOSE } from "./envelope.js";
import { openApiText } from "./openapi.js";
import type { PublicId } from "./routes.js";
import { type ReadySchema, schemaNamed } from "./schemas.js";
import { sendAnchor, sendCheckpoint, sendTile } from "./static-log.js";

type Params = Readonly<Record<string, string>>;
type Public = (edge: Edge, response: ServerResponse, params: Params) => Promise<void> | void;

const JSON_TYPE = "application/json; charset=utf-8";
/** Blocks that the read model may be behind while it keeps up: commits go on while this is asked. */
const MAX_LAG_BLOCKS = 8;

const TEXT_TYPE = "text/plain; charset=utf-8";

/** Loads nothing from anywhere else, and runs no inline script, so that the strictest content policy fits. */
const DOCS_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Quanji gateway</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;
const DOCS_START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", supportedSubmitMethods: [], validatorUrl: null });\n`;

/** Importing the package would run the whole of it here; only its files are wanted. */
const DOCS_FOLDER = path.dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

/** The only files that leave the package's folder. */
const DOCS_FILES: Readonly<Record<string, string>> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

export const PUBLIC_HANDLERS: Readonly<Record<PublicId, Public>> = {
  health: (_edge, response) => sendText(response, 200, TEXT_TYPE, "ok\n"),
  ready: async (edge, response) => {
    const state = await readiness(edge);
    sendText(response, state.ready ? 200 : 503, JSON_TYPE, JSON.stringify(state));
  },
  metrics: async ({ metrics }, response) => sendText(response, 200, metrics.contentType, await metrics.text()),
  docs: (_edge, response) => sendText(response, 200, "text/html; charset=utf-8", DOCS_PAGE),
  docsFile: async (_edge, response, params) => sendDocsFile(response, params["file"] ?? ""),
  openapi: ({ settings }, response) => sendText(response, 200, JSON_TYPE, openApiText(settings.publicUrl)),
  network: async (edge, response) => {
    const jws = await edge.answers.sign(NETWORK_TYP, await networkView(edge));
    sendText(response, 200, JOSE, jwsText(jws));
  },
  trust: ({ trustText }, response) => sendText(response, 200, JSON_TYPE, trustText()),
  earlierTrust: ({ earlierTrust }, response, params) => {
    const text = earlierTrust(Number(params["version"]));
    if (text === undefined) throw notFound();
    sendText(response, 200, JSON_TYPE, text);
  },
  codes: (_edge, response) => sendText(response, 200, JSON_TYPE, JSON.stringify(CODES)),
  schema: (_edge, response, params) => sendSchema(response, params["name"] ?? ""),
  checkpoint: sendCheckpoint,
  tile: sendTile,
  anchor: sendAnchor,
  height: async ({ block, ledgerHeight }, response) => {
    if (block === undefined) throw notFound();
    sendText(response, 200, JSON_TYPE, JSON.stringify({ height: await ledgerHeight() }));
  },
  document: async ({ readModel }, response, params) => {
    const document = await readModel.document(params["code"] ?? "");
    if (document === undefined) throw notFound();
    response.setHeader("cache-control", "no-store");
    sendText(response, 200, JSON_TYPE, JSON.stringify(document));
  },
  documentPage: sendDocumentPage,
  statuses: sendStatusList,
  block: async (edge, response, params) => sendBlock(edge, response, params["number"] ?? ""),
};

/** Waits for a block that is not there yet, so that who follows need not ask again and again. */
async function sendBlock({ block, readModel, settings }: Edge, response: ServerResponse, text: string): Promise<void> {
  if (block === undefined || !/^(0|[1-9]\d{0,14})$/.test(text)) throw notFound();
  const number = Number(text);
  if (readModel.height() <= number) {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(settings.atLeastMs)]);
    await readModel.reached(number, signal).catch((error: unknown) => {
      if (!isQuanjiError(error, "BEHIND")) throw error;
    });
  }
  const bytes = await block(number);
  if (bytes === undefined) {
    // Who follows always waits here, and an idle connection would hold up the end of this process.
    response.setHeader("connection", "close");
    throw notFound();
  }
  response.statusCode = 200;
  response.setHeader("content-type", "application/octet-stream");
  response.setHeader("cache-control", "public, max-age=31536000, immutable");
  response.end(bytes);
}

async function sendDocsFile(response: ServerResponse, file: string): Promise<void> {
  if (file === "start.js") {
    sendText(response, 200, "text/javascript; charset=utf-8", DOCS_START);
    return;
  }
  const type = Object.hasOwn(DOCS_FILES, file) ? DOCS_FILES[file] : undefined;
  if (type === undefined) throw notFound();
  response.setHeader("content-type", type);
  response.setHeader("cache-control", "public, max-age=3600");
  await new Promise<void>((resolve, reject) => {
    createReadStream(path.join(DOCS_FOLDER, file)).on("error", reject).on("end", resolve).pipe(response);
  });
}

const schemaTexts = new Map<string, string>();

function sendSchema(response: ServerResponse, name: string): void {
  const schema = schemaNamed(name);
  if (schema === undefined) throw notFound();
  const text = schemaTexts.get(name) ?? JSON.stringify(z.toJSONSchema(schema, { io: "input" }));
  schemaTexts.set(name, text);
  sendText(response, 200, "application/schema+json", text);
}

async function readiness(edge: Edge): Promise<z.infer<typeof ReadySchema>> {
  const height = edge.readModel.height();
  const lag = Math.max(0, (await edge.ledgerHeight()) - height);
  const checkpoint = await checkpointState(edge);
  return { ready: checkpoint === "fresh" && lag <= MAX_LAG_BLOCKS, checkpoint, readModel: { height, lag } };
}

/** `fresh`: each log of this gateway has just been stated at its newest committed head. */
async function checkpointState({ evidence, log, readModel, settings }: Edge): Promise<"fresh" | "failing" | "none"> {
  const own = (await readModel.logs()).filter(({ gateway }) => gateway === settings.gateway);
  if (own.length === 0) return "none";
  try {
    await Promise.all(own.map(({ origin }) => evidence.checkpoint(origin)));
    return "fresh";
  } catch (error) {
    log.fault("no checkpoint can be signed", error);
    return "failing";
  }
}

async function networkView(edge: Edge): Promise<unknown> {
  const { readModel, settings } = edge;
  const [network, gateways, logs, now] = await Promise.all([
    readModel.network(),
    readModel.gateways(),
    readModel.logs(),
    ledgerNow(edge),
  ]);
  if (network === undefined) throw notFound();
  return {
    net: network.net,
    timeZone: network.timeZone,
    testClock: network.testClock,
    regulatorMsp: network.regulatorMsp,
    msps: network.msps,
    gateway: settings.gateway,
    gateways,
    // Sizes move with every record and are in the checkpoints; listing a log is another matter than stating its head.
    logs: logs.map(({ origin, gateway, msp, vkey }) => ({ origin, gateway, msp, vkey })),
    height: readModel.height(),
    now: instant(now),
  };
}
