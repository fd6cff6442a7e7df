/**
 * Blocks from one of the organisation's own peers, with the private values that it holds, from any number on. Peers serve this
 * since 2.0, so both connectors use it.
 */
import type { peer } from "@hyperledger/fabric-protos";
import { decodeBlock, type DecodeOptions, type FabricBlock } from "./decode.js";
import type { Endpoints } from "./endpoint.js";

/** Blocks one after the other, until it is closed or throws. */
export interface Delivery {
  /** Undefined once the delivery is closed, or the peer has ended it. */
  next(): Promise<FabricBlock | undefined>;
  close(): void;
}

/** Opens deliveries at whichever peer is in use. */
export interface Deliverer {
  open(from: number): Promise<Delivery>;
}

export class PeerDeliverer implements Deliverer {
  readonly #endpoints: Endpoints;
  readonly #options: DecodeOptions;

  constructor(endpoints: Endpoints, options: DecodeOptions) {
    this.#endpoints = endpoints;
    this.#options = options;
  }

  async open(from: number): Promise<Delivery> {
    const endpoint = this.#endpoints.inUse;
    const events = await endpoint.network.getBlockAndPrivateDataEvents({ startBlock: BigInt(from) });
    const iterator: AsyncIterator<peer.BlockAndPrivateData> = events[Symbol.asyncIterator]();
    let closed = false;
    return {
      next: async () => {
        try {
          const result = await iterator.next();
          return result.done === true ? undefined : decodeBlock(result.value, this.#options);
        } catch (error) {
          if (closed) return undefined; // what a cancelled call says
          this.#endpoints.failed(endpoint);
          throw error;
        }
      },
      close: () => {
        closed = true;
        events.close();
      },
    };
  }
}
