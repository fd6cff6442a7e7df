/**
 * The beginning of a network, and the check of one that exists: `network.init` by the regulator, `log.create`, and that this
 * gateway is the one that is registered. Each step is done only if it is not done yet, so a start that died is continued.
 */
import { type GatewayEntry, isSocialCreditCode, keyOf, type Payload, QuanjiError } from "@quanji/chaincode/domain";
import { canonical, type CommandHeader, signJws, thumbprintOf, toBase64url, typOf } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { uuid } from "@quanji/client";
import type { Config } from "../config/index.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Topology } from "../ledger/topology.js";
import type { ReadModel } from "../readmodel/readmodel.js";
import { type GatewayKeys, logKeyName } from "./keys.js";
import { type Patience, submitSurely } from "./submit.js";

export interface FoundingOptions {
  readonly config: Config;
  readonly keys: GatewayKeys;
  readonly topology: Topology;
  /** Whether this network's clock may be set. */
  readonly testClock: boolean;
  readonly ledger: Ledger;
  readonly readModel: ReadModel;
  readonly clock: () => number;
  readonly random: (size: number) => Uint8Array;
  readonly patience: Patience;
}

/** Errors: CONFIG_INVALID naming the member in which configuration and ledger differ. */
export async function foundNetwork(options: FoundingOptions): Promise<void> {
  const { config, keys, readModel } = options;
  const network = await readModel.network();
  if (network === undefined) await command(options, "network.init", initPayload(options));
  else if (network.net !== config.network.net) throw differs("network.net", network.net);
  assertRegistered(await readModel.gateway(config.gateway.name), options);
  const written = (await readModel.logs()).filter(({ gateway }) => gateway === config.gateway.name).length;
  if (written > keys.logs.length) throw differs("gateway.logs", String(written));
  for (const [n, key] of keys.logs.entries()) await haveLog(options, n, key);
}

/** A log exists under its own key, or is created. */
async function haveLog(options: FoundingOptions, n: number, { key, vkey }: GatewayKeys["logs"][number]): Promise<void> {
  const { config, keys, readModel } = options;
  const log = await readModel.log(key.name);
  if (log !== undefined) {
    if (log.vkey !== vkey) throw differs(`keys/${logKeyName(n)}.jwk`, log.vkey);
    return;
  }
  const payload = { net: config.network.net, log: key.name, gateway: config.gateway.name, vkey };
  const regulator = await readModel.party(config.regulator.party);
  if (regulator === undefined || keyOf(regulator, thumbprintOf(keys.regulator.kid)) === undefined) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      `gateway.logs: the regulator's key is not here to create a log: start with ${n}, let the regulator send log.create ${canonical(payload)}, then start again`,
      { field: "gateway.logs" },
    );
  }
  // The contract takes a secret only where the organisation has none yet.
  await command(options, "log.create", payload, { secret: toBase64url(options.random(32)) });
}

const differs = (field: string, registered: string): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${field}: the ledger has ${registered}`, { field });

function assertRegistered(entry: GatewayEntry | undefined, { config, keys }: FoundingOptions): void {
  if (entry === undefined) throw differs("gateway.name", "no gateway of that name");
  if (entry.kid !== keys.gateway.kid) throw differs("keys/gateway.jwk", entry.kid);
  if (entry.msp !== config.gateway.msp) throw differs("gateway.msp", entry.msp);
  if (entry.publicUrl !== config.publicUrl) throw differs("publicUrl", entry.publicUrl);
}

function initPayload({ config, keys, topology, testClock }: FoundingOptions): Payload<"network.init"> {
  const { network, regulator, gateway, publicUrl } = config;
  if (!regulator.party.startsWith("urn:") && !isSocialCreditCode(regulator.party)) {
    throw new QuanjiError("CONFIG_INVALID", "regulator.party: a check character does not fit", {
      field: "regulator.party",
    });
  }
  const { codeLists } = network;
  return {
    net: network.net,
    timeZone: network.timeZone,
    testClock,
    regulator: {
      party: regulator.party,
      msp: topology.regulator,
      name: regulator.name,
      jurisdiction: regulator.jurisdiction,
      jwk: keys.regulator.jwk,
    },
    msps: topology.organisations.map(({ msp }) => msp),
    gateways: [{ name: gateway.name, msp: gateway.msp, publicUrl, jwk: keys.gateway.jwk }],
    ...(codeLists !== undefined && { codeLists }),
  };
}

async function command(
  { config, keys, ledger, readModel, clock, random, patience }: FoundingOptions,
  verb: "network.init" | "log.create",
  payload: unknown,
  transient: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { alg, kid, sign } = keys.regulator;
  const now = clock() + (await readModel.clockOffsetMs());
  const header: CommandHeader = {
    alg,
    iat: Math.floor(now / 1000),
    jti: uuid(random),
    kid,
    typ: typOf(verb),
    url: `${config.publicUrl}/v1/commands/${verb}`,
  };
  const jws = await signJws(header, payload, sign);
  const committed = await submitSurely(
    ledger,
    {
      name: TRANSACTIONS.network,
      args: [canonical({ gateway: config.gateway.name })],
      transient: { command: JSON.stringify(jws), ...transient },
    },
    patience,
  );
  await readModel.reached(committed.block);
}
