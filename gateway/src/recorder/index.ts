export { type ClosingRecorder, createRecorder, type RecorderOptions } from "./create.js";
export { LIMITS, type RecorderLimits } from "./limits.js";
export type { Pause } from "./pause.js";
export type { DeliveryToRecord, Recorder, RequestToRecord } from "./recorder.js";
export type { RecorderLogger, RecorderMetrics, TurnFacts } from "./watch.js";
