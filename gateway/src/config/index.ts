export * from "./config.js";
export { ConfigFile } from "./schema.js";
export * from "./sources.js";
