export * from "./keys.js";
export * from "./stored.js";
export * from "./world.js";
