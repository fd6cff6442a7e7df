/** What the witness's own peer says of its blocks. */
export interface BlockPeer {
  /** Number of blocks that were read. */
  readonly height: number;
  /** Header hash, base64url; undefined for a block that was not read. */
  hashOf(block: number): Promise<string | undefined>;
  /** What the state came to with that block, base64url; undefined where the peer does not say. */
  commitOf(block: number): Promise<string | undefined>;
}
