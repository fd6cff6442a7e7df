export * from "./allowances.js";
export * from "./attestation.js";
export * from "./contract.js";
export * from "./month.js";
export * from "./offer.js";
export * from "./period.js";
export * from "./settlement.js";
export * from "./statements.js";
