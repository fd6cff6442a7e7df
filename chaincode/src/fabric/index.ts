/** For chaincode servers other than {@link "./main.js"}: tests deploy contracts of their own. */
export { readOptions, type ServerOptions } from "./options.js";
export { hush } from "./quiet.js";
export { Service, type ServiceOptions } from "./service.js";
