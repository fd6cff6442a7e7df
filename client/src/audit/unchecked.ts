/** What no audit of blocks can conclude, or one did not: said with every verdict, never implied. */
export const UNCHECKED = {
  later: "whether there are later blocks",
  uniqueness:
    "that this is the only history: on Raft one orderer's signature suffices; compare the last hash with the witnesses'",
  organisations: "that several organisations exist: on the embedded ledger one process holds everybody's keys",
  private: "values of private collections and the decisions that rest on them: blocks hold their hashes alone",
  administrators:
    "whether administrators signed changes of the configuration: their blocks are taken from the trust file",
  commitHash: "commit hashes: each peer writes its own, and nobody signs them",
  filter: "stored validity: these blocks came from an orderer and have none; it was derived, and compared with nothing",
  checkpoints: "whether gateways signed the roots of these logs: no checkpoint of some of them was given",
} as const;

export type Unchecked = keyof typeof UNCHECKED;
