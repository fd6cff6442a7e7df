import {
  gatewayOf,
  type LogState,
  networkOf,
  NO_BOUNDARIES,
  type Orders,
  type Payload,
  QuanjiError,
  regulatorParty,
  splitOrigin,
} from "../domain/index.js";
import { type ChainKey, EMPTY_ROOT, emptyHead, hashText, type VerifySignature } from "../log/index.js";
import { privateKeys, publicKeys } from "../world/keys.js";
import { encode, type State } from "../world/state.js";
import { filePublic, type Received, receive, requireRole } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

export const directoryKey = (net: string): ChainKey => ({ scope: net, kind: "directory", id: net });

/** network.init, gateway.register, log.create, clock.set: what the chain `directory` lists. */
export class NetworkContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("network", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const received = await receive(state, this.verify, "network", argument);
      switch (received.verb) {
        case "network.init":
          return init(state, received, received.payload);
        case "gateway.register":
          return registerGateway(state, received, received.payload);
        case "log.create":
          return createLog(state, received, received.payload);
        case "clock.set":
          return setClock(state, received, received.payload);
        default:
          throw new QuanjiError("MALFORMED", "not a command of this contract", { detail: "TYP_MISMATCH" });
      }
    });
  }
}

async function init(state: State, received: Received, payload: Payload<"network.init">): Promise<string> {
  if ((await state.findNetwork()) !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", "the network exists already: it begins once");
  }
  const { facts } = received;
  const network = networkOf(payload, facts);
  await state.put(publicKeys.network, network);
  for (const gateway of payload.gateways) await state.put(publicKeys.gateway(gateway.name), gatewayOf(gateway));
  await state.put(publicKeys.boundaries, NO_BOUNDARIES);
  const orders: Orders = {
    v: "quanji.orders.v1",
    n: 0,
    h: emptyHead({ scope: network.net, kind: "orders", id: network.net }).h,
    entries: [],
  };
  await state.put(publicKeys.orders, orders);
  await state.world.setKeyPolicy(publicKeys.orders, [network.regulatorMsp]);
  await state.put(publicKeys.party(facts.signer), regulatorParty(payload, facts));
  await filePublic(state, received, network.net, [
    directoryKey(network.net),
    { scope: network.net, kind: "party", id: facts.signer },
  ]);
  return DONE;
}

async function registerGateway(
  state: State,
  received: Received,
  { net, gateway }: Payload<"gateway.register">,
): Promise<string> {
  requireRole(received, "regulator");
  const network = await state.network();
  if (!network.msps.includes(gateway.msp)) {
    throw new QuanjiError("MALFORMED", "that MSP is not in the network", { field: "gateway.msp" });
  }
  if ((await state.gateway(gateway.name)) !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", "a gateway of that name exists", { field: "gateway.name" });
  }
  await state.put(publicKeys.gateway(gateway.name), gatewayOf(gateway));
  await filePublic(state, received, net, [directoryKey(net)]);
  return DONE;
}

/** Also makes the secret of the organisation's collection, if this is its first log. */
async function createLog(state: State, received: Received, payload: Payload<"log.create">): Promise<string> {
  requireRole(received, "regulator");
  const { net, log: origin, gateway: name } = payload;
  const gateway = await state.gateway(name);
  const place = splitOrigin(origin);
  if (gateway === undefined || place.net !== net || place.gateway !== name) {
    throw new QuanjiError("MALFORMED", "a log's origin is <net>/<gateway>/<n> of a registered gateway", {
      field: "log",
    });
  }
  if ((await state.log(origin)) !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", "that log exists", { field: "log" });
  }
  const { regulatorMsp } = await state.network();
  const log: LogState = {
    v: "quanji.log.v1",
    origin,
    gateway: name,
    msp: gateway.msp,
    vkey: payload.vkey,
    size: 0,
    root: hashText(EMPTY_ROOT),
    frontier: [],
    time: received.facts.time,
  };
  await state.put(publicKeys.log(origin), log);
  await state.put(publicKeys.gateway(name), { ...gateway, logs: [...gateway.logs, origin] });
  await state.world.setKeyPolicy(publicKeys.log(origin), [...new Set([gateway.msp, regulatorMsp])]);
  if ((await state.findSecret(gateway.msp)) === undefined) {
    const secret = state.world.transient("secret");
    if (secret === undefined || !/^[A-Za-z0-9_-]{43}$/.test(secret)) {
      throw new QuanjiError(
        "MALFORMED",
        "the first log of an organisation brings a secret of 32 bytes in transient data",
      );
    }
    await state.putSealed(gateway.msp, privateKeys.secret, secret, secret);
  }
  await filePublic(state, received, net, [directoryKey(net)]);
  return DONE;
}

async function setClock(state: State, received: Received, { net, offsetMs }: Payload<"clock.set">): Promise<string> {
  requireRole(received, "regulator");
  if (!(await state.network()).testClock) {
    throw new QuanjiError("NOT_FOUND", "this network's clock cannot be set");
  }
  if (offsetMs <= (await state.clockOffsetMs())) {
    throw new QuanjiError("STATE_CONFLICT", "the clock only moves forward", { field: "offsetMs" });
  }
  await state.world.put(publicKeys.clock, encode({ offsetMs }));
  await filePublic(state, received, net, [directoryKey(net)]);
  return DONE;
}
