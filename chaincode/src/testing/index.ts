/** For tests of what crosses packages. Not part of the product. */
export * from "./actors.js";
export * from "./market.js";
export * from "./test-network.js";
export * from "./weather.js";
