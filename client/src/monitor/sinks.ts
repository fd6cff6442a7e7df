/** Where notices go: a file that only grows, and webhooks. Each takes them in order, each at least once. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isIP } from "node:net";
import { QuanjiError } from "@quanji/chaincode/domain";
import { canonical, type Limits, signJws } from "@quanji/chaincode/log";
import { Agent, request as send } from "undici";
import { guardedLookup, isAllowed, type Resolver, type Signer, systemResolver } from "../sdk/index.js";
import { type Notice, NOTICE_TYP } from "./notice.js";

export interface Sink {
  /** Under which the monitor remembers what it has taken. */
  readonly name: string;
  /** Resolves once the notice is taken for good. */
  deliver(notice: Notice): Promise<void>;
  close(): Promise<void>;
}

const LIMITS: Limits = { maxBytes: 64 * 1024, maxDepth: 4 };

/** One notice a line, canonical JSON, synced. A line that a crash cut short is taken away first. Errors: of the disk. */
export async function fileSink(path: string): Promise<Sink> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    await mendTail(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    name: `file ${path}`,
    async deliver(notice) {
      const { size } = await handle.stat();
      await handle.write(Buffer.from(`${canonical(notice, LIMITS)}\n`), 0, undefined, size);
      await handle.sync();
    },
    close: () => handle.close(),
  };
}

/** No notice is longer. */
const TAIL_BYTES = LIMITS.maxBytes;

/** Only the beginning of a notice is taken away: what else the file ends in is somebody's, and gets its line feed. */
async function mendTail(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const length = Math.min(size, TAIL_BYTES);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  const tail = buffer.subarray(buffer.lastIndexOf(0x0a) + 1);
  if (tail.length === 0) return;
  if (tail.subarray(0, BEGINNING.length).equals(BEGINNING.subarray(0, tail.length)) && !isWhole(tail)) {
    await handle.truncate(size - tail.length);
  } else {
    await handle.write("\n", size);
  }
}

/** Canonical JSON sorts its members: an alarm's and a use's first ones differ, so this is all that notices share. */
const BEGINNING = Buffer.from('{"');

function isWhole(tail: Buffer): boolean {
  try {
    JSON.parse(tail.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

export interface WebhookOptions {
  readonly url: string;
  /** Signs each notice, so that its receiver needs no shared secret. */
  readonly signer: Signer;
  /** Whether loopback and private addresses may be called. Link-local and reserved ones never are. */
  readonly allowPrivate: boolean;
  readonly resolver?: Resolver;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

const refused = (message: string, detail: string, cause?: unknown): QuanjiError =>
  new QuanjiError("UNREACHABLE", message, { detail, ...(cause !== undefined && { cause }) });

/** Errors: CONFIG_INVALID for a URL that may never be called. */
export function parseWebhook(text: string, allowPrivate: boolean): URL {
  const refuse = (why: string): never => {
    throw new QuanjiError("CONFIG_INVALID", `the webhook ${text} ${why}`, { field: "notify" });
  };
  const url = URL.canParse(text) ? new URL(text) : refuse("is no URL");
  if (!/^https?:$/.test(url.protocol)) refuse("is not http or https");
  if (url.username !== "" || url.password !== "") refuse("has credentials in it: the body is signed instead");
  if (url.protocol === "http:" && !allowPrivate) refuse("is not https; within a private network give --notify-private");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isAllowed(host, allowPrivate)) {
    refuse("has an address that may not be called; within a private network give --notify-private");
  }
  return url;
}

/**
 * Posts a flattened JWS, `typ` quanji-notice+jws, whose payload is the notice and the URL that it is for. Taken is what is
 * answered with 2xx. Errors: UNREACHABLE · ADDRESS_REFUSED, NAME_UNKNOWN, STATUS, CONNECTION.
 */
export function webhookSink(options: WebhookOptions): Sink {
  const { signer, allowPrivate, resolver = systemResolver, timeoutMs = TIMEOUT_MS } = options;
  const url = parseWebhook(options.url, allowPrivate);
  const agent = new Agent({
    connections: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: {
      timeout: timeoutMs,
      lookup: guardedLookup(resolver, allowPrivate, (fault, cause) =>
        refused(`the webhook's address is not one that may be called`, fault, cause),
      ),
    },
  });
  return {
    name: `webhook ${url.href}`,
    async deliver(notice) {
      const header = { alg: signer.alg, kid: signer.kid, typ: NOTICE_TYP };
      const body = JSON.stringify(await signJws(header, { ...notice, to: url.href }, signer.sign, LIMITS));
      const headers = { "content-type": "application/jose+json" };
      const answer = await send(url, { method: "POST", dispatcher: agent, headers, body }).catch((cause: unknown) => {
        if (cause instanceof QuanjiError) throw cause;
        throw refused(`${url.origin} cannot be reached`, "CONNECTION", cause);
      });
      // Redirects are not followed: they would lead past the check of the address.
      answer.body.on("error", () => undefined).destroy();
      if (answer.statusCode < 200 || answer.statusCode > 299) {
        throw refused(`${url.origin} answers ${answer.statusCode}`, "STATUS");
      }
    },
    close: () => agent.destroy(),
  };
}
