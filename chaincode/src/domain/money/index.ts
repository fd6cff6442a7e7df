export * from "./allowance.js";
export * from "./amount.js";
export * from "./apportion.js";
export * from "./books.js";
export * from "./split.js";
export * from "./statement.js";
export * from "./tariff.js";
