/** How much a batch holds, and how long the recorder waits for what. Every wait of the recorder ends by a constant of this file. */

/** Limits of one recorder; a gateway may set them. */
export interface RecorderLimits {
  /** How long a batch gathers after its first record, in ms. */
  readonly gatherMs: number;
  /** Distinct grants, parties and resources of a batch. Reached first: each costs the chaincode some six state operations. */
  readonly objects: number;
  /** Records of a batch. */
  readonly records: number;
  /** Size of the transient batch, in bytes. */
  readonly bytes: number;
  /** Requests that may wait; more are NOT_RECORDED at once. Deliveries may fill it twice, for they account for past permits. */
  readonly waiting: number;
  /**
   * How often permits are looked for that nobody will deliver any more, in ms. They are rare and harm nobody for a while: such
   * a permit keeps its quota, and a trail shows it without a delivery.
   */
  readonly closeEveryMs: number;
}

/** Defaults: DESIGN §6.1. 10,000 waiting requests are some 3 seconds of the reference load's peak. */
export const LIMITS: RecorderLimits = {
  gatherMs: 5,
  objects: 150,
  records: 1_000,
  bytes: 1_000_000,
  waiting: 10_000,
  closeEveryMs: 10_000,
};

/**
 * Age at which a request is NOT_RECORDED: the chaincode refuses a record whose time lies further back, and a permit may not
 * be delivered later (`deliverBefore`). So this is also the longest that anybody waits for a ledger that does not answer.
 */
export const AGE_MS = 30_000;

/**
 * How long a head that moved, or endorsers that differ, count as a peer that lags. A peer waits ≈ 5 s for private data that it
 * missed before it commits a block without; one that takes longer is broken, and every further try would stall the log.
 */
export const LAG_MS = 6_000;
/** A lagging peer is one block behind: most often 5 ms are enough. */
export const LAG_PAUSE = { firstMs: 5, mostMs: 160 } as const;

/** A ledger that was just unreachable; asked on until the records' age ends it. */
export const UNAVAILABLE_PAUSE = { firstMs: 20, mostMs: 500 } as const;

/**
 * How long the log stands still for a transaction whose outcome nobody knows. Orderers that lose their leader take 2.1 s to go
 * on; what has not shown up after that was most likely lost on the way.
 */
export const FIND_MS = 3_000;
/** Between two looks for it. */
export const FIND_PAUSE = { firstMs: 5, mostMs: 100 } as const;

/**
 * How long the read model may take to apply a block that the ledger has committed. It is fed by the same process; what takes
 * longer is a fault of the gateway, and the caller learns that the record stands but cannot be shown.
 */
export const REACHED_MS = 10_000;

/** How long an object that made batches fail keeps its records in batches of their own. */
export const TURBULENT_MS = 10_000;
/** Calm turns for one turbulent turn while both have work: what troubled objects can cost all others is one turn in four. */
export const CALM_TURNS = 3;

/** Conflicts after which a record is given up. A full batch is halved ten times, each after two conflicts. */
export const CONFLICTS_PER_RECORD = 24;
/** A batch refused as a whole is halved to find the record that spoils it: ten halvings. More in a row: it is no record's fault. */
export const REFUSALS_IN_A_ROW = 12;
/** Records that a batch may lose one by one; then the requesters of those refused are put apart. */
export const REFUSALS_TOLERATED = 4;

/** Grows by doubling from `firstMs` to `mostMs`. */
export const backoffMs = (pause: { readonly firstMs: number; readonly mostMs: number }, tries: number): number =>
  Math.min(pause.mostMs, pause.firstMs * 2 ** Math.min(tries, 20));
