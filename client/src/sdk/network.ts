/**
 * What a client must know of a network before it can sign anything: `/v1/network`, signed by the gateway that answers. With a
 * trust file, the key and the URL must be those that it pins; without one, the first answer is believed for this session.
 */
import {
  defined,
  GatewayName,
  LogOrigin,
  Msp,
  NetworkId,
  parseWith,
  PublicUrl,
  QuanjiError,
} from "@quanji/chaincode/domain";
import {
  type FlattenedJws,
  parseAnswerJws,
  parsePublicJwk,
  thumbprint,
  type VerifySignature,
} from "@quanji/chaincode/log";
import { z } from "zod";
import type { OpenedTrust } from "../verify/index.js";
import { ANSWER_LIMITS, type GatewayKey, mismatch, openSigned, parseJson } from "./answer.js";
import { JOSE } from "./command.js";
import { type Deadlines, exchange, type Fetch, transportFault } from "./transport.js";

export const NETWORK_TYP = "quanji-network+jws";

const Jwk = z.object({ crv: z.string(), kty: z.string(), x: z.string(), y: z.string().optional() });
/** Members beside these are for people: a gateway may say more of itself in time. */
const Info = z.object({
  net: NetworkId,
  timeZone: z.string(),
  testClock: z.boolean(),
  /** The gateway that answers. */
  gateway: GatewayName,
  gateways: z.array(z.object({ name: GatewayName, msp: Msp, publicUrl: PublicUrl, kid: z.string(), jwk: Jwk })).min(1),
  logs: z.array(z.object({ origin: LogOrigin, gateway: GatewayName, msp: Msp, vkey: z.string() })),
  msps: z.array(Msp).optional(),
  regulatorMsp: Msp.optional(),
  /** The gateway's ledger time when it answered. */
  now: z.string().optional(),
});

export interface Gateway extends GatewayKey {
  readonly name: string;
  readonly msp: string;
  readonly publicUrl: string;
}

export interface LogInfo {
  /** `<net>/<gateway>/<n>`. */
  readonly origin: string;
  readonly gateway: string;
  readonly msp: string;
  readonly vkey: string;
}

export interface NetworkInfo {
  readonly net: string;
  /** Fixed offset, `+08:00`: where its days begin. */
  readonly timeZone: string;
  readonly testClock: boolean;
  readonly gateways: readonly Gateway[];
  readonly logs: readonly LogInfo[];
  readonly msps: readonly string[];
  /** Ledger time minus this machine's, on a network whose clock a test has set; 0 elsewhere. */
  readonly offsetMs: number;
  /** The answer as it was signed. */
  readonly signed: FlattenedJws;
}

export interface LoadOptions {
  /** Address to dial, which need not be the registered one. */
  readonly address: string;
  readonly fetch: Fetch;
  readonly verify: VerifySignature;
  readonly deadlines: Deadlines;
  readonly nowMs: number;
  readonly trust?: OpenedTrust;
}

/** Asks a gateway for its network. Errors: UNREACHABLE, ANSWER_MISMATCH · NETWORK_MISMATCH, KEY_UNKNOWN, URL_MISMATCH. */
export async function loadNetwork(options: LoadOptions): Promise<{ network: NetworkInfo; gateway: Gateway }> {
  const { address, fetch, deadlines } = options;
  const reply = await exchange(fetch, { url: `${address}/v1/network`, method: "GET", accept: JOSE }, deadlines);
  const text = await reply.text();
  if (reply.status !== 200 || reply.type !== JOSE) {
    throw transportFault(`${address} does not answer like a gateway (status ${reply.status})`, "UNSIGNED");
  }
  const jws = parseJson(text);
  const info = read(jws);
  const gateway = info.gateways.find(({ name }) => name === info.gateway);
  if (gateway === undefined) throw mismatch("the gateway is not among those that it lists", "KEY_UNKNOWN");
  if (options.trust !== undefined) assertPinned(info.net, gateway, options.trust);
  const parsed = await openSigned(jws, NETWORK_TYP, gateway, options.verify);
  return { network: { ...info, offsetMs: offsetOf(info, options.nowMs), signed: parsed.jws }, gateway };
}

/** Reads the payload before its signature is checked, because it names the key; nothing of it is used before that. */
function read(jws: unknown) {
  let payload: unknown;
  try {
    ({ payload } = parseAnswerJws(jws, ANSWER_LIMITS));
  } catch (cause) {
    throw mismatch("the network's description is not signed by a gateway", "JWS_SHAPE", cause);
  }
  const info = parseWith(Info, payload);
  return { ...info, msps: info.msps ?? [], gateways: info.gateways.map(toGateway) };
}

function toGateway(row: z.infer<typeof Info>["gateways"][number]): Gateway {
  const jwk = parsePublicJwk(defined(row.jwk));
  if (row.kid !== `${row.name}#${thumbprint(jwk)}`)
    throw mismatch("a gateway's kid is not its key's", "KEY_THUMBPRINT");
  return { name: row.name, msp: row.msp, publicUrl: row.publicUrl, kid: row.kid, jwk };
}

function assertPinned(net: string, gateway: Gateway, { trust, gateways }: OpenedTrust): void {
  if (net !== trust.net)
    throw mismatch(`this is the network ${net}, the trust file's is ${trust.net}`, "NETWORK_MISMATCH");
  const pinned = gateways.filter(({ kid }) => kid === gateway.kid);
  if (pinned.length === 0) {
    throw mismatch(
      "the gateway's key is not in the trust file: fetch a newer trust file, or do not trust it",
      "KEY_UNKNOWN",
    );
  }
  if (!pinned.some(({ publicUrl }) => publicUrl === gateway.publicUrl)) {
    throw mismatch("the gateway's public URL is not the one in the trust file", "URL_MISMATCH");
  }
}

/** Only a network that admits that a test sets its clock may move ours: else a gateway could have us sign for other days. */
function offsetOf({ testClock, now }: { testClock: boolean; now?: string | undefined }, nowMs: number): number {
  if (!testClock || now === undefined) return 0;
  const time = Date.parse(now);
  return Number.isNaN(time) ? 0 : time - nowMs;
}

/** Errors: CONFIG_INVALID unless it is an http(s) address without path. */
export function parseAddress(text: string): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    url = undefined; // refused below with the same sentence as every other bad address
  }
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      "a gateway's address looks like https://gateway.example or http://127.0.0.1:8080",
      {
        field: "gateway",
      },
    );
  }
  return url.origin;
}
