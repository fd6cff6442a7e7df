/** The options of a chaincode server, as peers' operators know them from Fabric's own starter. */
import { parseArgs } from "node:util";

export interface ServerOptions {
  /** `host:port` to listen on. */
  readonly address: string;
  /** Package id under which the peer knows this chaincode. */
  readonly id: string;
  /** The peer takes reads and writes of many keys in one message. One that is older than 3.1 would end the conversation. */
  readonly peerBatches: boolean;
}

export const USAGE = "node chaincode.cjs --chaincode-address HOST:PORT --chaincode-id PACKAGE_ID [--peer-batches]";

/** Options, or what is wrong with the arguments. */
export function readOptions(args: readonly string[]): ServerOptions | string {
  let values: {
    readonly "chaincode-address"?: string | undefined;
    readonly "chaincode-id"?: string | undefined;
    readonly "peer-batches"?: boolean | undefined;
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        "chaincode-address": { type: "string" },
        "chaincode-id": { type: "string" },
        "peer-batches": { type: "boolean" },
      },
    }));
  } catch (error) {
    return error instanceof Error ? error.message : "the arguments cannot be read";
  }
  const { "chaincode-address": address, "chaincode-id": id } = values;
  if (address === undefined || !/^.+:\d{1,5}$/.test(address)) return "--chaincode-address must be HOST:PORT";
  if (id === undefined || id === "") return "--chaincode-id must be the package's id";
  return { address, id, peerBatches: values["peer-batches"] ?? false };
}
