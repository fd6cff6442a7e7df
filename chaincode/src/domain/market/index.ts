export * from "./attestation.js";
export * from "./billing.js";
export * from "./cap.js";
export * from "./contract.js";
export * from "./offer.js";
export * from "./period.js";
export * from "./settlement.js";
