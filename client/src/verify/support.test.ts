/** What the verifier's tests share. Holds no test itself. */
export * from "./forging.support.test.js";
export * from "./keys.support.test.js";
export * from "./world.support.test.js";
