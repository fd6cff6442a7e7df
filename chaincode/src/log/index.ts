export * from "./bytes.js";
export * from "./canonical.js";
export * from "./chain.js";
export * from "./commitment.js";
export * from "./hash.js";
export * from "./jws.js";
export * from "./keys.js";
