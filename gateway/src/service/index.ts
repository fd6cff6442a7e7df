export { type Gateway, openGateway } from "./gateway.js";
export type { GatewayEnvironment, OpenLedger } from "./foundation.js";
