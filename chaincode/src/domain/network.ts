/** The network: its first transaction, its gateways and logs, its test clock. All on the chain `directory`. */
import { z } from "zod";
import { parsePublicJwk, type PublicJwk, thumbprint } from "../log/keys.js";
import { QuanjiError } from "./errors.js";
import { CodeName, GatewayName, LogOrigin, Msp, NetworkId, PartyId, Title } from "./ids.js";
import { type CommandFacts, Committed, defined, Jwk, Net, setOf } from "./shared.js";
import { newKey, type Party } from "./party.js";
import { TimeZone } from "./time.js";

/** Scheme, host, optional port: no path, no query, no trailing slash. Commands name it as registered, byte for byte. */
export const PublicUrl = z
  .string()
  .regex(
    /^https?:\/\/[a-z0-9.-]{1,253}(:[1-9]\d{0,4})?$|^https?:\/\/\[[0-9a-f:]{2,39}\](:[1-9]\d{0,4})?$/,
    "a public URL such as https://gw.example",
  );

const Gateway = z.strictObject({ name: GatewayName, msp: Msp, publicUrl: PublicUrl, jwk: Jwk });

export const NetworkInit = z.strictObject({
  net: NetworkId,
  timeZone: TimeZone,
  testClock: z.boolean(),
  regulator: z.strictObject({
    party: PartyId,
    msp: Msp,
    name: Title,
    jurisdiction: z.string().regex(/^([A-Z]{2}|[0-9]{6})$/),
    jwk: Jwk,
    responsibleHead: Committed.optional(),
  }),
  msps: setOf(Msp, 64),
  gateways: z.array(Gateway).min(1).max(64),
  /** Codes outside a given list are refused; a list that is absent allows every well-formed code. */
  codeLists: z
    .strictObject({ purposes: setOf(CodeName, 1024).optional(), classes: setOf(CodeName, 1024).optional() })
    .optional(),
});
export const GatewayRegister = z.strictObject({ ...Net, gateway: Gateway });
export const LogCreate = z.strictObject({
  ...Net,
  log: LogOrigin,
  gateway: GatewayName,
  /** C2SP vkey of the log: who signs its checkpoints. */
  vkey: z.string().min(1).max(256),
});
export const ClockSet = z.strictObject({ ...Net, offsetMs: z.int().min(0) });

export interface Network {
  readonly v: "quanji.network.v1";
  readonly net: string;
  readonly timeZone: string;
  readonly testClock: boolean;
  readonly regulatorMsp: string;
  readonly msps: readonly string[];
  readonly codeLists?: { readonly purposes?: readonly string[]; readonly classes?: readonly string[] };
  readonly at: { readonly time: string; readonly tx: string };
}

export interface GatewayEntry {
  readonly v: "quanji.gateway.v1";
  readonly name: string;
  readonly msp: string;
  readonly publicUrl: string;
  readonly jwk: PublicJwk;
  readonly kid: string;
  /** Origins of its logs. They stand here too, for each batch changes a log's own entry: who reads that conflicts with it. */
  readonly logs: readonly string[];
}

/** Head of a log. `frontier`: hashes of the full subtrees, largest first; see log/tree.ts. */
export interface LogState {
  readonly v: "quanji.log.v1";
  readonly origin: string;
  readonly gateway: string;
  readonly msp: string;
  readonly vkey: string;
  readonly size: number;
  readonly root: string;
  readonly frontier: readonly string[];
  /** Ledger time of the newest record; the creation's before the first. Never decreases. */
  readonly time: string;
}

export function networkOf(payload: z.infer<typeof NetworkInit>, facts: CommandFacts): Network {
  const unknown = [payload.regulator.msp, ...payload.gateways.map((gateway) => gateway.msp)].find(
    (msp) => !payload.msps.includes(msp),
  );
  if (unknown !== undefined) throw new QuanjiError("MALFORMED", `${unknown} is not in msps`, { field: "msps" });
  return defined({
    v: "quanji.network.v1" as const,
    net: payload.net,
    timeZone: payload.timeZone,
    testClock: payload.testClock,
    regulatorMsp: payload.regulator.msp,
    msps: payload.msps,
    codeLists: payload.codeLists,
    at: { time: facts.time, tx: facts.tx },
  }) as Network;
}

export function gatewayOf(input: z.infer<typeof Gateway>): GatewayEntry {
  const jwk = parsePublicJwk(defined(input.jwk));
  return {
    v: "quanji.gateway.v1",
    name: input.name,
    msp: input.msp,
    publicUrl: input.publicUrl,
    jwk,
    kid: `${input.name}#${thumbprint(jwk)}`,
    logs: [],
  };
}

/** Errors: MALFORMED naming the code, if the network restricts that list. */
export function assertListed(network: Network, list: "purposes" | "classes", codes: readonly string[]): void {
  const allowed = network.codeLists?.[list];
  const foreign = allowed === undefined ? undefined : codes.find((code) => !allowed.includes(code));
  if (foreign !== undefined) {
    throw new QuanjiError("MALFORMED", `${foreign} is not in the network's list of ${list}`, { field: list });
  }
}

/** The regulator is the one party that nobody admits. */
export function regulatorParty(payload: z.infer<typeof NetworkInit>, facts: CommandFacts): Party {
  const { regulator } = payload;
  return defined({
    v: "quanji.party.v1" as const,
    id: regulator.party,
    state: "active" as const,
    kind: "org" as const,
    name: regulator.name,
    roles: ["regulator", "registrar", "listOwner"] as const,
    jurisdiction: regulator.jurisdiction,
    home: regulator.msp,
    keys: [newKey({ jwk: regulator.jwk, purpose: "act", custody: "self" }, facts)],
    responsibleHead: regulator.responsibleHead,
    version: 1,
    n: 1,
    at: { time: facts.time, tx: facts.tx },
  });
}
