/**
 * From a request to an endorsed, signed transaction. In service the contract runs once and each organisation's key signs the
 * same answer; in tests it runs at each organisation's peer, and the answers are compared byte for byte.
 */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { equalBytes } from "@quanji/chaincode/log";
import { LedgerError, type TransactionRequest } from "../ledger.js";
import { mspsOf, type Topology } from "../topology.js";
import type { Chaincode, Executed } from "./chaincode.js";
import type { Hooks } from "./hooks.js";
import type { LocalOrganisation, LocalOrganisations } from "./organisations.js";
import type { Ordered } from "./orderer.js";
import type { Past } from "./past.js";
import type { NetworkPolicies } from "./policy.js";
import type { Store } from "./store.js";
import {
  encodeProposal,
  encodeResponse,
  endorse,
  newProposal,
  newTransaction,
  NONCE_BYTES,
  type Outcome,
  type Proposal,
} from "./transaction.js";

/** `once`: one simulation stands for all endorsers. `each`: every endorser simulates, with its own clock and height. */
export type SimulationMode = "once" | "each";

export interface EndorserParts {
  readonly topology: Topology;
  readonly organisations: LocalOrganisations;
  readonly policies: NetworkPolicies;
  readonly chaincode: Chaincode;
  readonly store: Store;
  readonly past: Past;
  readonly clock: () => number;
  readonly random: (size: number) => Uint8Array;
  readonly mode: SimulationMode;
  readonly hooks: Hooks;
}

type Endorsers = readonly [string, ...string[]];

export class Endorser {
  readonly #parts: EndorserParts;

  constructor(parts: EndorserParts) {
    this.#parts = parts;
  }

  propose(clientMsp: string, request: TransactionRequest): Proposal {
    const { topology, random, clock } = this.#parts;
    const { name, args } = request;
    const call = { channel: topology.channel, timestampMs: clock(), name, args };
    return newProposal(this.#organisation(clientMsp).client, random(NONCE_BYTES), call);
  }

  /** Throws LedgerError REFUSED, MISMATCH, or UNAVAILABLE if an endorser is not in the topology. */
  async endorse(clientMsp: string, proposal: Proposal, request: TransactionRequest): Promise<Ordered> {
    const named = namedIn(request);
    const wanted = named ?? this.#firstEndorsers(clientMsp);
    const bytes = encodeProposal(proposal);
    const first = await this.#firstAnswer(clientMsp, proposal, request, wanted);
    const response = encodeResponse(proposal, bytes, first);
    const endorsers = named ?? this.#allEndorsers(wanted, first);
    if (this.#parts.mode === "each") {
      for (const msp of endorsers.slice(1)) {
        const other = await this.#simulate(clientMsp, proposal, request, [msp]);
        if (!equalBytes(encodeResponse(proposal, bytes, other), response)) throw mismatch(proposal, endorsers[0], msp);
      }
    }
    const endorsements = endorsers.map((msp) => endorse(this.#organisation(msp).peer, response));
    const { client } = this.#organisation(clientMsp);
    return {
      transaction: newTransaction(client, proposal, bytes, outcomeOf(first), response, endorsements),
      privateWrites: first.privateWrites,
    };
  }

  /**
   * Of a refusal and a peer that misses a private value the second is told, as on Fabric, where all are asked at once: asked again
   * when that peer has the value, they may all endorse. Endorsers that are simulated as one meet what is missing first.
   */
  async #firstAnswer(
    clientMsp: string,
    proposal: Proposal,
    request: TransactionRequest,
    wanted: Endorsers,
  ): Promise<Executed> {
    if (this.#parts.mode === "once") return this.#simulate(clientMsp, proposal, request, wanted);
    const [own, ...others] = wanted;
    try {
      return await this.#simulate(clientMsp, proposal, request, [own]);
    } catch (refusal) {
      if (!(refusal instanceof LedgerError) || refusal.fault !== "REFUSED") throw refusal;
      for (const msp of others) {
        const answer = await this.#simulate(clientMsp, proposal, request, [msp]).catch((error: unknown) => error);
        if (answer instanceof LedgerError && answer.fault === "UNAVAILABLE") throw answer;
      }
      throw refusal;
    }
  }

  /** The contract's answer at one peer: the client's own, unless the request names another. */
  async evaluate(clientMsp: string, proposal: Proposal, request: TransactionRequest): Promise<string> {
    const [msp] = namedIn(request) ?? [clientMsp];
    return (await this.#simulate(clientMsp, proposal, request, [msp])).result;
  }

  /** A transaction that a test puts in a victim's way: endorsed by everybody, so that any policy lets it pass. */
  endorseByAll(name: string, outcome: Outcome): Ordered {
    const { organisations, topology, random, clock } = this.#parts;
    const { client } = this.#organisation(topology.regulator);
    const call = { channel: topology.channel, timestampMs: clock(), name, args: [] };
    const proposal = newProposal(client, random(NONCE_BYTES), call);
    const bytes = encodeProposal(proposal);
    const response = encodeResponse(proposal, bytes, outcome);
    const endorsements = [...organisations.members.values()].map(({ peer }) => endorse(peer, response));
    const transaction = newTransaction(client, proposal, bytes, outcome, response, endorsements);
    return { transaction, privateWrites: [] };
  }

  async #simulate(
    clientMsp: string,
    { txId, timestampMs }: Proposal,
    { name, args, transient = {} }: TransactionRequest,
    endorsers: Endorsers,
  ): Promise<Executed> {
    const { chaincode, policies, store, past, clock, hooks } = this.#parts;
    for (const msp of endorsers) this.#organisation(msp);
    const [msp] = endorsers;
    const submission = { txId, name };
    const skewed = (): number => clock() + (hooks.skewMs?.(msp) ?? 0);
    const lag = hooks.lag?.(msp, submission) ?? 0;
    await using present = store.view();
    const state = past.behind(lag) ?? present;
    const identity = { txId, timestampMs, submitterMsp: clientMsp, endorsers };
    try {
      const executed = await chaincode.execute({ ...identity, clock: skewed, transient, policies, state }, name, args);
      return { ...executed, result: hooks.answer?.(msp, executed.result, submission) ?? executed.result };
    } catch (cause) {
      if (!isQuanjiError(cause)) throw cause;
      throw new LedgerError("REFUSED", `the contract refused: ${cause.message}`, { txId, cause });
    }
  }

  /** The submitter's organisation and the regulator; of a regulator's own transaction, who else is seen after simulating. */
  #firstEndorsers(clientMsp: string): Endorsers {
    const { regulator } = this.#parts.topology;
    return clientMsp === regulator ? [regulator] : [clientMsp, regulator];
  }

  #allEndorsers(first: Endorsers, { rwset }: Executed): Endorsers {
    const { topology, policies } = this.#parts;
    if (first.length > 1) return first;
    const others = mspsOf(topology).filter((msp) => msp !== topology.regulator);
    const touched = others.filter((msp) => rwset.collections.some(({ name }) => policies.members.get(name)?.has(msp)));
    return [...first, ...(touched.length > 0 ? touched : others.slice(0, 1))];
  }

  #organisation(msp: string): LocalOrganisation {
    const organisation = this.#parts.organisations.members.get(msp);
    if (organisation === undefined) throw new LedgerError("UNAVAILABLE", `no peer of ${msp} is on this channel`);
    return organisation;
  }
}

function namedIn({ endorsers = [] }: TransactionRequest): Endorsers | undefined {
  const [first, ...others] = new Set(endorsers);
  return first === undefined ? undefined : [first, ...others];
}

const outcomeOf = ({ result, event, rwset }: Executed): Outcome => ({ result, event, rwset });

const mismatch = ({ txId }: Proposal, one: string, other: string): LedgerError =>
  new LedgerError("MISMATCH", `the peers of ${one} and ${other} answered differently: try again in a moment`, { txId });
