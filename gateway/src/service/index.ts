export { type Gateway, openGateway } from "./gateway.js";
export type { GatewayEnvironment } from "./foundation.js";
