/** Anchoring on an EVM: the contract, and a node to try it on. */
export { addAddress, Addresses, newestOf, readAddresses } from "./addresses.js";
export { anchorAt, type Deployed, deployAnchor, type Head, headOf, registerLog } from "./anchor-contract.js";
export { type Artifact, artifactText, compile, readArtifact } from "./compile.js";
export { type LocalNode, type LocalNodeOptions, startNode } from "./node.js";
