/**
 * The `World` port: all that a contract sees of a ledger, with Fabric's semantics and nothing more. Two worlds implement
 * it: the one over fabric-shim's ChaincodeStub and the embedded ledger's simulator (gateway/src/ledger/embedded).
 *
 * Semantics that both keep, and that contracts rely on:
 * - reads see the committed state at the start of the simulation, never the transaction's own writes;
 * - every read, also of an absent key and of a private hash, enters the read set, so that a later change conflicts (MVCC);
 * - the last write (or purge) to a key wins; keys and values are text; an absent value is `undefined`, an empty value is not allowed;
 * - private collections are member-only: reading or writing one needs that both the submitting client's organisation and
 *   the endorsing peer's organisation are members, else the simulation fails;
 * - public state, arguments, the result and the event stand in blocks for everyone; private values and transient do not.
 */
export interface World {
  /** Unique id of the transaction: lower-case hex of SHA-256(nonce ‖ creator). */
  readonly txId: string;
  /** The proposal's timestamp, ms since 1970: chosen by the submitter, so checked against {@link clock}. */
  readonly timestampMs: number;
  /** MSP of the client that submits. */
  readonly submitterMsp: string;
  /** MSP of the peer that simulates now. Results and write sets must never depend on it. */
  readonly endorserMsp: string;
  /** The endorser's own clock, ms since 1970. For refusing only: never stored, never returned. */
  clock(): number;

  /** Transient data: outside arguments, blocks and state. */
  transient(name: string): string | undefined;

  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
  getPrivate(collection: string, key: string): Promise<string | undefined>;
  putPrivate(collection: string, key: string, value: string): Promise<void>;
  /**
   * Takes value and hash out of private state, and every value that earlier blocks' transactions wrote under this key out of
   * the members' storage. The block keeps hashes and a marker, so everybody sees that a purge was, and of which key's hash. Of a
   * key that was never written it is as valid, and changes nothing.
   */
  purgePrivate(collection: string, key: string): Promise<void>;

  /**
   * Key-level endorsement policy: from the next block on, writing `key` needs endorsements of *all* these MSPs and only
   * of these (instead of the chaincode's policy). Setting or changing it needs the policy in force so far.
   */
  setKeyPolicy(key: string, allOf: readonly string[]): Promise<void>;

  /** The transaction's one event; it stands in the block but not in the state. */
  emit(name: string, payload: string): void;
}

/** Name of the private collection of an organisation: {organisation, regulator}, member-only, endorsed by both. */
export const collectionOf = (msp: string): string => `org-${msp}`;
