export * from "./batch.js";
export * from "./keys.js";
export * from "./signature.node.js";
export * from "./state.js";
export * from "./stored.js";
export * from "./world.js";
