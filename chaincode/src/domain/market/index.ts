export * from "./attestation.js";
export * from "./contract.js";
export * from "./month.js";
export * from "./offer.js";
export * from "./settlement.js";
export * from "./statements.js";
