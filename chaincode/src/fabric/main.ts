/** Entry point of the bundle: a chaincode server beside one peer. Exit code 2: not started, standard error says why. */
import "./quiet.js";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { type ChaincodeServerOpts, Shim } from "fabric-shim";
import { createChaincode } from "../contracts/index.js";
import { nodeVerifier } from "../world/index.js";
import { objection } from "./approved.js";
import { readOptions, USAGE } from "./options.js";
import { hush } from "./quiet.js";
import { Service } from "./service.js";

const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);

function refuse(reason: string): void {
  say(`the chaincode does not start: ${reason}`);
  process.exitCode = 2;
}

/** Peers and gateways bound message sizes; a bound here as well would only be one more to know of. */
const UNBOUNDED = -1;

async function serve(file: string, args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (typeof options === "string") {
    refuse(`${options}\n${USAGE}`);
    return;
  }
  const wrong = objection(readFileSync(file), process.env["QUANJI_BUNDLE_SHA256"]);
  if (wrong !== undefined) {
    refuse(wrong);
    return;
  }
  if (process.env["CORE_PEER_LOCALMSPID"] === undefined) {
    refuse("CORE_PEER_LOCALMSPID is not set: set it to the MSP of the peer that this server stands beside");
    return;
  }
  hush((name) => Shim.newLogger(name));
  const { address, id, peerBatches } = options;
  const service = new Service({
    contracts: createChaincode({ verify: nodeVerifier() }),
    clock: Date.now,
    peerBatches,
    report: (transaction, error) => say(`${transaction} failed: ${inspect(error)}`),
  });
  // No TLS: only the peer beside it speaks to this server, over loopback. The type asks for it, the shim does not.
  const server = Shim.server(service, {
    ccid: id,
    address,
    "grpc.max_receive_message_length": UNBOUNDED,
    "grpc.max_send_message_length": UNBOUNDED,
  } as unknown as ChaincodeServerOpts);
  await server.start();
  say(`serves ${id} at ${address}`);
}

serve(process.argv[1] ?? "", process.argv.slice(2)).catch((error: unknown) => {
  refuse(error instanceof Error ? error.message : String(error));
});
