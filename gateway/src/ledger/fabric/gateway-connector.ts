/** The connector on `@hyperledger/fabric-gateway`: a peer of 2.4 or newer collects endorsements and speaks to the orderers. */
import { GatewayError, type Proposal } from "@hyperledger/fabric-gateway";
import type { LedgerError } from "../ledger.js";
import { type TransactionRequest } from "../ledger.js";
import {
  BLOCK_BY_NUMBER,
  CHAIN_INFO,
  type Connector,
  type Endorsed,
  endorsersOf,
  heightIn,
  Unsure,
} from "./connector.js";
import type { Endpoint, Endpoints } from "./endpoint.js";
import {
  broadcastRefusal,
  endorseFault,
  evaluateFault,
  type Failure,
  honestAmong,
  isTransport,
  STATUS,
} from "./faults.js";

export interface GatewayConnectorOptions {
  readonly endpoints: Endpoints;
  readonly channel: string;
  readonly chaincode: string;
  readonly msp: string;
  readonly regulator: string;
  /** How many there are. */
  readonly orderers: number;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");

export class GatewayConnector implements Connector {
  readonly #options: GatewayConnectorOptions;

  constructor(options: GatewayConnectorOptions) {
    this.#options = options;
  }

  endorse(request: TransactionRequest): Promise<Endorsed> {
    const endorsers = endorsersOf(request, this.#options);
    return this.#atOnePeer(async (endpoint) => {
      const proposal = this.#propose(endpoint, request, endorsers);
      const txId = proposal.getTransactionId();
      try {
        const transaction = await proposal.endorse();
        const envelope = {
          txId,
          bytes: transaction.getBytes(),
          signature: endpoint.sign(transaction.getDigest()),
        };
        return { txId, result: textOf(transaction.getResult()), broadcast: () => this.#broadcast(envelope) };
      } catch (error) {
        throw new Failed(failureOf(error), (failure) => endorseFault(failure, { txId, endorsers }));
      }
    });
  }

  evaluate(request: TransactionRequest): Promise<string> {
    const { msp } = this.#options;
    return this.#atOnePeer(async (endpoint) => {
      // One peer answers: the client's own, unless the request names another.
      const proposal = this.#propose(endpoint, request, request.endorsers ?? [msp]);
      try {
        return textOf(await proposal.evaluate());
      } catch (error) {
        throw new Failed(failureOf(error), (failure) => evaluateFault(failure, proposal.getTransactionId()));
      }
    });
  }

  async height(): Promise<number> {
    return heightIn(await this.#queryPeer(CHAIN_INFO));
  }

  block(number: number): Promise<Uint8Array> {
    return this.#queryPeer(BLOCK_BY_NUMBER, String(number));
  }

  /** Of the channel, by the chaincode that every peer has for it. */
  #queryPeer({ chaincode, name }: { readonly chaincode: string; readonly name: string }, ...more: readonly string[]) {
    const { channel } = this.#options;
    return this.#atOnePeer(async ({ network }): Promise<Uint8Array> => {
      const proposal = network.getContract(chaincode).newProposal(name, { arguments: [channel, ...more] });
      try {
        return await proposal.evaluate();
      } catch (error) {
        throw new Failed(failureOf(error), (failure) => evaluateFault(failure, proposal.getTransactionId()));
      }
    });
  }

  /** Endpoints belong to the ledger. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #propose(
    { network }: Endpoint,
    { name, args, transient = {} }: TransactionRequest,
    endorsers: readonly string[] | undefined,
  ): Proposal {
    return network.getContract(this.#options.chaincode).newProposal(name, {
      arguments: [...args],
      transientData: { ...transient },
      ...(endorsers !== undefined && { endorsingOrganizations: [...endorsers] }),
    });
  }

  /** Once at each peer until one does better than be unreachable. Only for calls that order nothing. */
  async #atOnePeer<T>(call: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    const { endpoints } = this.#options;
    for (let left = endpoints.count; ; left--) {
      const endpoint = endpoints.inUse;
      try {
        return await call(endpoint);
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        if (isTransport(error.failure)) endpoints.failed(endpoint);
        if (!isTransport(error.failure) || left <= 1) throw error.fault();
      }
    }
  }

  async #broadcast({ txId, bytes, signature }: SignedEnvelope): Promise<void> {
    const { endpoints, orderers } = this.#options;
    const endpoint = endpoints.inUse;
    try {
      await endpoint.gateway.newSignedTransaction(bytes, signature).submit();
    } catch (error) {
      const failure = failureOf(error);
      const refusal = broadcastRefusal(failure, txId, honestAmong(orderers));
      if (refusal !== undefined) throw refusal;
      if (isTransport(failure)) endpoints.failed(endpoint);
      throw new Unsure(failure.message, { cause: error });
    }
  }
}

/** Signed once, so that every peer passes on the same bytes. */
interface SignedEnvelope {
  readonly txId: string;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** A call that failed, before anybody has said what that means. */
class Failed extends Error {
  readonly failure: Failure;
  readonly fault: () => LedgerError;

  constructor(failure: Failure, fault: (failure: Failure) => LedgerError) {
    super(failure.message);
    this.failure = failure;
    this.fault = () => fault(failure);
  }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof GatewayError)) {
    return { code: STATUS.INTERNAL, message: error instanceof Error ? error.message : String(error), details: [] };
  }
  const { code, message, details } = error;
  return {
    code,
    message,
    details: details.map((one) => ({ name: one.address, msp: one.mspId, message: one.message })),
  };
}
