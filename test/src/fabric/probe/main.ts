/**
 * A chaincode with one operation for each thing that a network must permit or forbid, so that the network is tested apart
 * from Quanji's rules. Bundled and deployed as Quanji's own is. Arguments: --chaincode-address H:P --chaincode-id ID.
 */
import { parseArgs } from "node:util";
import { type ChaincodeServerOpts, type ChaincodeStub, Shim } from "fabric-shim";

type Operation = (stub: ChaincodeStub, ...args: string[]) => Promise<string>;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

const operations: Readonly<Record<string, Operation>> = {
  put: async (stub, key = "", value = "") => {
    await stub.putState(key, Buffer.from(value));
    return "";
  },
  get: async (stub, key = "") => text(await stub.getState(key)),
  putPrivate: async (stub, collection = "", key = "", value = "") => {
    await stub.putPrivateData(collection, key, Buffer.from(value));
    return "";
  },
  getPrivate: async (stub, collection = "", key = "") => text(await stub.getPrivateData(collection, key)),
  hashOf: async (stub, collection = "", key = "") =>
    Buffer.from(await stub.getPrivateDataHash(collection, key)).toString("hex"),
  purgePrivate: async (stub, collection = "", key = "") => {
    await stub.purgePrivateData(collection, key);
    return "";
  },
};

const probe = {
  Init: () => Promise.resolve(Shim.success()),
  Invoke: async (stub: ChaincodeStub) => {
    const { fcn, params } = stub.getFunctionAndParameters();
    const operation = operations[fcn];
    if (operation === undefined) return Shim.error(`no operation ${fcn}`);
    try {
      return Shim.success(Buffer.from(await operation(stub, ...params)));
    } catch (error) {
      return Shim.error(error instanceof Error ? error.message : String(error));
    }
  },
};

const { values } = parseArgs({
  options: {
    "chaincode-address": { type: "string" },
    "chaincode-id": { type: "string" },
    "peer-batches": { type: "boolean" },
  },
});
// No TLS: only the peer beside it speaks to this server, over loopback. The type asks for it, the shim does not.
const options = { address: values["chaincode-address"] ?? "", ccid: values["chaincode-id"] ?? "" };
Shim.server(probe, options as ChaincodeServerOpts)
  .start()
  .catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
