/** For scripts and tests that need a real network. */
export { findLeader, untilLed } from "./channel/leader.js";
export { heightAt, untilHeight } from "./channel/height.js";
export { Tools } from "./channel/tools.js";
export { FabricNetwork } from "./network.js";
export { isAlive, type ProcessRecord, Processes } from "./process/processes.js";
export { binariesAtHand, ensureBinaries } from "./tools/binaries.js";
export { NetworkFailure } from "./tools/failure.js";
export { type Progress, progressTo, silent } from "./tools/progress.js";
export { run } from "./tools/run.js";
export { until } from "./tools/wait.js";
export { Layout } from "./topology/layout.js";
export { essenceOf } from "./topology/growth.js";
export { type FabricTopology, type Node, parseFabricTopology, readFabricTopology } from "./topology/topology.js";
