/**
 * For tests of what crosses packages: the ledger with its faults, its disk as it lies there, HTTP as it stands on the wire.
 * Not part of the product.
 */
export { decodeBlock } from "./ledger/embedded/block.js";
export * from "./ledger/embedded/index.js";
export { Store } from "./ledger/embedded/store.js";
export * from "./ledger/ledger.js";
export * from "./http/testing/request.js";
export { pino } from "pino";
export { witnessConfigOf } from "./witness/process/config.js";
export { openWitness, type Witness } from "./witness/process/open.js";
export { newSigner, type Signer } from "./ledger/embedded/identity.js";
export { derHeader, sha256 } from "./ledger/embedded/block.js";
export { newSourceListener } from "./source/proxy.js";
