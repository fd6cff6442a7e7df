export * from "./chaincode.js";
export { routeFor } from "./grant-rules.js";
