/** The product's chaincode and the benchmark's own contract in one server. */
import { createChaincode } from "@quanji/chaincode/contracts";
import { hush, readOptions, Service } from "@quanji/chaincode/fabric";
import { nodeVerifier } from "@quanji/chaincode/world";
import { type ChaincodeServerOpts, Shim } from "fabric-shim";
import { naive } from "./contract.js";

const options = readOptions(process.argv.slice(2));
if (typeof options === "string") throw new Error(options);
const { address, id, peerBatches } = options;
hush((name) => Shim.newLogger(name));
const report = (name: string, error: unknown): void => void process.stderr.write(`${name}: ${String(error)}\n`);
const contracts = [...createChaincode({ verify: nodeVerifier() }), naive];
const service = new Service({ contracts, clock: Date.now, peerBatches, report });
const unbounded = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
const server = Shim.server(service, { ccid: id, address, ...unbounded } as unknown as ChaincodeServerOpts);
server.start().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
