export * from "./world.js";
