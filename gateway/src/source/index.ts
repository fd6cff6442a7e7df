/** In front of a source: tickets redeemed once, counts kept and told. */
export { SourceAdapter } from "./adapter.js";
export { requireTicket } from "./middleware.js";
export { type AdapterConfig, openAdapter, type OpenAdapter, type SourceEnvironment } from "./open.js";
