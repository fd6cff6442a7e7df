export * from "./add-checkpoint.js";
export * from "./bytes.js";
export * from "./canonical.js";
export * from "./chain.js";
export * from "./checkpoint.js";
export * from "./commitment.js";
export * from "./hash.js";
export * from "./block-note.js";
export * from "./head-note.js";
export * from "./jws.js";
export * from "./keys.js";
export * from "./note-signature.js";
export * from "./note.js";
export * from "./proof.js";
export * from "./record.js";
export * from "./secp256k1.js";
export * from "./sign.js";
export * from "./subject.js";
export * from "./tile.js";
export * from "./tlog-proof.js";
export {
  appendLeaf,
  appendLeaves,
  EMPTY_ROOT,
  emptyFrontier,
  type Frontier,
  frontierToJson,
  headOf,
  newNodes,
  nodeHash,
  type NodeId,
  parseFrontier,
  rootOf,
  type TreeHead,
  type TreeNode,
} from "./tree.js";
export * from "./typed-data.js";
export { isName } from "./text.js";
export * from "./vkey.js";
