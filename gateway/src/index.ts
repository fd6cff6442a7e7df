export { type Config, configOf, type Environment, loadConfig } from "./config/index.js";
export { type Gateway, type GatewayEnvironment, openGateway } from "./service/index.js";
