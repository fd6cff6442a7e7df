/** Connections to the organisation's own peers, one kept in use: the others take over when it is lost. */
import { type CallOptions, Client, credentials } from "@grpc/grpc-js";
import { connect, type Gateway, hash, type Network } from "@hyperledger/fabric-gateway";
import { signLowS } from "../embedded/ecdsa.js";
import type { FabricNode, FabricProfile } from "./profile.js";

/**
 * Longest that one call may take. An endorsement of a full batch takes some 0.3 s, and 0.5 s more where a second peer has died
 * and private data cannot be pushed to it. Without deadlines a call hangs for minutes after an orderer or peer is lost.
 */
export const DEADLINES: Deadlines = {
  endorseMs: 5_000,
  evaluateMs: 5_000,
  /** Orderers that lose their leader take some 2 s to go on; the same envelope is handed over again meanwhile. */
  broadcastMs: 2_000,
};

export interface Deadlines {
  readonly endorseMs: number;
  readonly evaluateMs: number;
  readonly broadcastMs: number;
}

const within = (ms: number) => (): CallOptions => ({ deadline: Date.now() + ms });

/** Peers cut connections that ping more often than their `minInterval`, 5 s. Pings find a peer that hangs. */
const CHANNEL = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
} as const;

export interface Endpoint {
  readonly name: string;
  readonly gateway: Gateway;
  readonly network: Network;
}

export class Endpoints {
  readonly #all: readonly (Endpoint & { readonly client: Client })[];
  #inUse = 0;

  constructor({ ownPeers, msp, certificatePem, key, topology }: FabricProfile, deadlines: Deadlines = DEADLINES) {
    const identity = { mspId: msp, credentials: Buffer.from(certificatePem, "utf8") };
    this.#all = ownPeers.map(({ name, endpoint, tlsRoot }: FabricNode) => {
      const client = new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoot, "utf8")), CHANNEL);
      const gateway = connect({
        client,
        identity,
        // The signer gets the message itself: node:crypto signs no digests.
        hash: hash.none,
        signer: (message) => Promise.resolve(signLowS(key, message)),
        endorseOptions: within(deadlines.endorseMs),
        evaluateOptions: within(deadlines.evaluateMs),
        submitOptions: within(deadlines.broadcastMs),
      });
      return { name, client, gateway, network: gateway.getNetwork(topology.channel) };
    });
  }

  get count(): number {
    return this.#all.length;
  }

  get inUse(): Endpoint {
    const endpoint = this.#all[this.#inUse % this.#all.length];
    if (endpoint === undefined) throw new Error("a profile names a peer of its own");
    return endpoint;
  }

  /** From now on the next one is used; nothing happens if another call has found that out before. */
  failed(endpoint: Endpoint): void {
    if (endpoint === this.inUse) this.#inUse++;
  }

  close(): void {
    for (const { gateway, client } of this.#all) {
      gateway.close();
      client.close();
    }
  }
}
