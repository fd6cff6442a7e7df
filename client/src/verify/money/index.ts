export { extractOf } from "./extract.js";
export { disclosureOf } from "./disclosed.js";
export { Meter, type MeterFacts } from "./meter.js";
export { type Settled, settledOf } from "./settled.js";
export { openStatusList, type OpenedStatusList } from "./status-list.js";
export { type DocumentVerdict } from "./verdict.js";
export { type DocumentOptions, verifyDocument } from "./verify.js";
export { type OpenedYear, openYear } from "./year.js";
