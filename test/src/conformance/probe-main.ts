/** The test's own contract as a chaincode, over the product's world. Arguments: --chaincode-address H:P --chaincode-id ID. */
import { hush, readOptions, Service } from "@quanji/chaincode/fabric";
import { probe } from "@quanji/gateway/testing/probe";
import { type ChaincodeServerOpts, Shim } from "fabric-shim";

const options = readOptions(process.argv.slice(2));
if (typeof options === "string") throw new Error(options);
hush((name) => Shim.newLogger(name));
const report = (name: string, error: unknown): void => void process.stderr.write(`${name}: ${String(error)}\n`);
const service = new Service({ contracts: [probe], clock: Date.now, peerBatches: options.peerBatches, report });
const server = Shim.server(service, { ccid: options.id, address: options.address } as unknown as ChaincodeServerOpts);
server.start().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
