/**
 * The witness's door: `POST /add-checkpoint` as C2SP tlog-witness says, `POST /head-notes`, `POST /block-notes` for other
 * witnesses, the newest cosigned checkpoints, blocks' headers and the proofs by plain GET, health and metrics.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { formatNote, MAX_ADD_CHECKPOINT_BYTES, sha256, utf8 } from "@quanji/chaincode/log";
import { readBody } from "../../http/body.js";
import type { Added, Cosigner } from "../cosigner/cosigner.js";
import type { Exchange } from "../exchange/exchange.js";
import { MAX_EXCHANGE_BYTES } from "../exchange/message.js";
import type { Notary, Stated } from "../notary/notary.js";
import { MAX_HEADS_BYTES } from "../notary/request.js";
import type { EvidenceFolder } from "./evidence-folder.js";
import type { WitnessMetrics } from "./metrics.js";

export interface WitnessDoor {
  readonly cosigner: Cosigner;
  /** Undefined where there is no peer: it could only repeat what a gateway says. */
  readonly notary: Notary | undefined;
  /** Undefined where there is no peer whose blocks could be told of. */
  readonly exchange: Exchange | undefined;
  /** Origins of which something is held. */
  readonly origins: () => Promise<readonly string[]>;
  readonly evidence: EvidenceFolder;
  readonly metrics: WitnessMetrics;
  /** What `/healthz` says; `ok: false` answers 503. */
  readonly health: () => { readonly ok: boolean } & Readonly<Record<string, unknown>>;
  readonly bodyMs: number;
  readonly report: (what: string, error: unknown) => void;
}

interface Reply {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TEXT = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";
const NOT_FOUND: Reply = { status: 404, body: "there is nothing here\n" };

export function newWitnessListener(door: WitnessDoor): RequestListener {
  return (request, response) => {
    replyTo(door, request)
      .catch((error: unknown): Reply => {
        const refusal = refusalOf(error);
        if (refusal.status >= 500) door.report("a request failed", error);
        return refusal;
      })
      .then((reply) => send(response, reply))
      .catch((error: unknown) => door.report("an answer was not sent", error));
  };
}

function replyTo(door: WitnessDoor, request: IncomingMessage): Promise<Reply> {
  const { method = "", url = "" } = request;
  const act = ACTS.get(url);
  if (act !== undefined) {
    if (method === "POST") return act(door, request);
    request.resume();
    return Promise.resolve({ status: 405, body: "only POST\n", headers: { allow: "POST" } });
  }
  request.resume();
  if (method === "GET" || method === "HEAD") return read(door, url);
  return Promise.resolve({ status: 405, body: "only GET\n", headers: { allow: "GET, HEAD" } });
}

const ACTS: ReadonlyMap<string, (door: WitnessDoor, request: IncomingMessage) => Promise<Reply>> = new Map([
  ["/add-checkpoint", addCheckpoint],
  ["/head-notes", headNotes],
  ["/block-notes", blockNotes],
]);

async function addCheckpoint({ cosigner, metrics, bodyMs }: WitnessDoor, request: IncomingMessage): Promise<Reply> {
  const body = await readBody(request, { maxBytes: MAX_ADD_CHECKPOINT_BYTES, timeoutMs: bodyMs });
  const added = await cosigner.add(body);
  metrics.asked(added.outcome);
  return replyFor(added);
}

function replyFor(added: Added): Reply {
  switch (added.outcome) {
    case "cosigned":
      // Signature lines alone: what follows the blank line of a note that has no other.
      return { status: 200, body: signatureLine(added) };
    case "unknown":
      return { status: 404, body: "this witness does not know the log\n" };
    case "unsigned":
      return { status: 403, body: "the checkpoint is not signed by the log\n" };
    case "malformed":
      return { status: 400, body: `${added.message}\n` };
    case "conflict":
      return { status: 409, type: "text/x.tlog.size", body: `${added.size}\n` };
    case "contradiction":
      return { status: 422, body: `${added.message}\n` };
    case "behind":
      return { status: 503, body: "not that far yet: ask again\n", headers: { "retry-after": "1" } };
  }
}

async function headNotes({ notary, metrics, bodyMs }: WitnessDoor, request: IncomingMessage): Promise<Reply> {
  const body = await readBody(request, { maxBytes: MAX_HEADS_BYTES, timeoutMs: bodyMs });
  const stated: Stated =
    notary === undefined
      ? { outcome: "unknown", message: "this witness follows no peer, so it states no heads" }
      : await notary.state(body.toString("utf8"));
  metrics.headsAsked(stated.outcome);
  return headsReply(stated);
}

async function blockNotes({ exchange, bodyMs }: WitnessDoor, request: IncomingMessage): Promise<Reply> {
  const body = await readBody(request, { maxBytes: MAX_EXCHANGE_BYTES, timeoutMs: bodyMs });
  if (exchange === undefined) return json(404, { code: "NOT_FOUND", message: "this witness follows no peer" });
  const answer = await exchange.answer(body.toString("utf8"));
  switch (answer.outcome) {
    case "told":
      return { status: 200, type: JSON_TYPE, body: answer.body };
    case "stranger":
      return json(403, {
        code: "ROLE_REQUIRED",
        message: "the block note is not signed by a witness that is known here",
      });
    case "behind":
      return json(503, { code: "BEHIND", message: "not that far yet: ask again" }, { "retry-after": "1" });
  }
}

const json = (status: number, body: object, headers: Reply["headers"] = {}): Reply => ({
  status,
  type: JSON_TYPE,
  body: JSON.stringify(body),
  headers,
});

function headsReply(stated: Stated): Reply {
  switch (stated.outcome) {
    case "stated":
      return json(200, { notes: stated.notes });
    case "malformed":
      return json(400, { code: "MALFORMED", message: stated.message });
    case "unknown":
      return json(404, { code: "NOT_FOUND", message: stated.message });
    case "contradiction":
      return json(422, { code: "PROOF_INVALID", message: stated.message });
    case "early":
      return json(409, {
        code: "TIME_FUTURE",
        message: "the position was not the newest at that time",
        time: stated.time,
      });
    case "gone":
      return json(410, { code: "NOT_FOUND", message: "the block lies too far back: ask for a newer one" });
    case "pending":
      return json(409, { code: "STOP_PENDING", message: "a stop is not in its chain yet: ask again" });
    case "behind":
      return json(503, { code: "BEHIND", message: "not that far yet: ask again" }, { "retry-after": "1" });
  }
}

function signatureLine({ signature }: Extract<Added, { outcome: "cosigned" }>): string {
  const note = formatNote({ text: "\n", signatures: [signature] });
  return note.slice(2);
}

async function read(door: WitnessDoor, url: string): Promise<Reply> {
  const checkpoint = /^\/([0-9a-f]{64})\/checkpoint$/.exec(url)?.[1];
  if (checkpoint !== undefined) return newest(door, checkpoint);
  const file = /^\/evidence\/([A-Za-z0-9_.-]{1,80})$/.exec(url)?.[1];
  if (file !== undefined) {
    const text = await door.evidence.read(file);
    return text === undefined ? NOT_FOUND : { status: 200, type: JSON_TYPE, body: text };
  }
  const block = /^\/blocks\/(0|[1-9]\d{0,15})$/.exec(url)?.[1];
  if (block !== undefined) {
    const bytes = await door.exchange?.block(Number(block));
    return bytes === undefined ? NOT_FOUND : { status: 200, type: "application/octet-stream", body: bytes };
  }
  switch (url) {
    case "/healthz": {
      const health = door.health();
      return { status: health.ok ? 200 : 503, type: JSON_TYPE, body: JSON.stringify(health) };
    }
    case "/metrics":
      return { status: 200, type: door.metrics.contentType, body: await door.metrics.text() };
    case "/evidence":
      return { status: 200, type: JSON_TYPE, body: JSON.stringify(await door.evidence.names()) };
    default:
      return NOT_FOUND;
  }
}

async function newest({ cosigner, origins }: WitnessDoor, hash: string): Promise<Reply> {
  const origin = (await origins()).find((name) => Buffer.from(sha256(utf8(name))).toString("hex") === hash);
  const note = origin === undefined ? undefined : await cosigner.newest(origin);
  return note === undefined ? NOT_FOUND : { status: 200, body: note };
}

const STATUS: Readonly<Record<string, number>> = {
  MALFORMED: 400,
  PROOF_INVALID: 422,
  TOO_LARGE: 413,
  TIMEOUT: 408,
  MEDIA_TYPE: 415,
};

function refusalOf(error: unknown): Reply {
  const status = isQuanjiError(error) ? (STATUS[error.code] ?? 500) : 500;
  const message = isQuanjiError(error) && status < 500 ? error.message : "something failed here: see the witness's log";
  return { status, body: `${message}\n` };
}

function send(response: ServerResponse, { status, body, type = TEXT, headers = {} }: Reply): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", ...headers });
  response.end(body);
}
