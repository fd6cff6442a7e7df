/** Anchors: heads of logs that stand in an outside chain. */
export { type Anchoring, raised, verifyAnchored } from "./anchored.js";
export { ANCHORED_TOPIC, fromHex, logTopic, toHex, verifyEvent } from "./event.js";
export {
  type AnchorPlace,
  anchorPath,
  chooseAnchor,
  consistencyFor,
  knownBlocks,
  openAnchor,
  readAnchor,
  type Wanted,
} from "./choose.js";
export { bigEndian, encodeRlp, type Rlp } from "./rlp.js";
export { proofOf, typed } from "./trie.js";
