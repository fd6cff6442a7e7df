/** Contracts on an EVM: anchors of logs, the settlement escrow, and a node to try them on. */
export { addAddress, addEscrow, Addresses, newestOf, readAddresses } from "./addresses.js";
export { anchorAt, type Deployed, deployAnchor, type Head, headOf, registerLog } from "./anchor-contract.js";
export { type Artifact, artifactText, compile, readArtifact } from "./compile.js";
export type { Place } from "./deploy.js";
export {
  type Claim,
  claimDigest,
  contractTopic,
  dealOf,
  type EscrowPlace,
  orderSignatures,
  type Portion,
  portionsOf,
  type Resolution,
  signClaim,
  signerOf,
  type Terms,
  toBytes32,
  totalOf,
} from "./escrow.js";
export { type ClaimRow, type Deal, deployEscrow, Escrow } from "./escrow-contract.js";
export { readSignable, readTerms, type Signable, writeSignable } from "./escrow-files.js";
export { type LocalNode, type LocalNodeOptions, startNode } from "./node.js";
