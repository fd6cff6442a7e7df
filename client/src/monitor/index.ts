/** The monitor: follows logs, watches receipts and keys, and says what it finds. Node only. */
export { type Alarm, type AlarmCode, ALARMS, type Cleared, type Notice, NOTICE_TYP, type Use } from "./notice.js";
export { Monitor, type MonitorOptions, type Place, type Round } from "./monitor.js";
export { fileSink, parseWebhook, type Sink, type WebhookOptions, webhookSink } from "./sinks.js";
