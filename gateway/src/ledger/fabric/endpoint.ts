/** Connections to the organisation's own peers, one kept in use: the others take over when it is lost. */
import { type CallOptions, Client, credentials } from "@grpc/grpc-js";
import { connect, type Gateway, hash, type Network } from "@hyperledger/fabric-gateway";
import { signLowS } from "../embedded/ecdsa.js";
import type { Identity } from "./identity.js";
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

/** One peer, as it is spoken to with one certificate. */
export interface Endpoint {
  readonly name: string;
  readonly gateway: Gateway;
  readonly network: Network;
  /** Signs with the key of the certificate that the gateway's messages bear. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

interface Connection {
  readonly name: string;
  readonly client: Client;
}

export class Endpoints {
  readonly #profile: FabricProfile;
  readonly #deadlines: Deadlines;
  readonly #connections: readonly Connection[];
  #identity: Identity;
  #all: readonly Endpoint[];
  #inUse = 0;

  constructor(profile: FabricProfile, deadlines: Deadlines = DEADLINES) {
    this.#profile = profile;
    this.#deadlines = deadlines;
    this.#connections = profile.ownPeers.map(({ name, endpoint, tlsRoot }: FabricNode) => ({
      name,
      client: new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoot, "utf8")), CHANNEL),
    }));
    this.#identity = profile.identity.current;
    this.#all = this.#actingAs(this.#identity);
  }

  get count(): number {
    return this.#connections.length;
  }

  get inUse(): Endpoint {
    const { current } = this.#profile.identity;
    if (current !== this.#identity) {
      this.#identity = current;
      this.#all = this.#actingAs(current);
    }
    const endpoint = this.#all[this.#inUse % this.#all.length];
    if (endpoint === undefined) throw new Error("a profile names a peer of its own");
    return endpoint;
  }

  /** From now on the next one is used; nothing happens if another call has found that out before. */
  failed({ name }: Endpoint): void {
    if (name === this.#connections[this.#inUse % this.#connections.length]?.name) this.#inUse++;
  }

  close(): void {
    for (const { gateway } of this.#all) gateway.close();
    for (const { client } of this.#connections) client.close();
  }

  /** Over the same connections: what is under way with an older certificate ends as it ends. */
  #actingAs({ certificatePem, key }: Identity): readonly Endpoint[] {
    const { msp, topology } = this.#profile;
    const { endorseMs, evaluateMs, broadcastMs } = this.#deadlines;
    const sign = (message: Uint8Array): Uint8Array => signLowS(key, message);
    return this.#connections.map(({ name, client }) => {
      const gateway = connect({
        client,
        identity: { mspId: msp, credentials: Buffer.from(certificatePem, "utf8") },
        // The signer gets the message itself: node:crypto signs no digests.
        hash: hash.none,
        signer: (message) => Promise.resolve(sign(message)),
        endorseOptions: within(endorseMs),
        evaluateOptions: within(evaluateMs),
        submitOptions: within(broadcastMs),
      });
      return { name, gateway, network: gateway.getNetwork(topology.channel), sign };
    });
  }
}
