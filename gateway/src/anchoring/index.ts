/** Anchoring of this gateway's logs on an EVM. */
export { type AnchoredLog, Anchorer, type AnchorerOptions } from "./anchorer.js";
export { ANCHOR_ABI, type AnchoredEvent, Chain, type ChainOptions } from "./chain.js";
export { AnchorStore } from "./store.js";
