/** Payloads as the stories fill them in, so that a step shows only what it is about. */
import type { JsonObject } from "@quanji/chaincode/log";
import { LOG } from "../../support/host.js";
import { instantAt } from "./calendar.js";

/** From the story's first day to a day of the text. */
export const until = (day: string): JsonObject => ({
  window: { from: instantAt("2026-03-02"), until: instantAt(day) },
});

export const LAWFUL_BASIS = "zs8 contract on the use of data";

export const terms = (change: JsonObject): JsonObject => ({
  actions: ["query"],
  fields: ["id"],
  ...until("2027-03-01"),
  environments: ["api"],
  jurisdictions: ["CN"],
  lawfulBasis: LAWFUL_BASIS,
  onStop: "stop",
  ...change,
});

/** What every command has that makes a grant. */
export const grantOf = (grant: string, resource: string): JsonObject => ({
  grant,
  resource: `${resource}@1`,
  depth: 0,
  logs: [LOG],
});

export const graded = (level: string): JsonObject => ({ grade: { standard: "GB/T 43697-2024", level } });

export const held = (...rights: readonly (readonly [kind: string, holder: string])[]): JsonObject => ({
  rights: rights.map(([kind, holder]) => ({ kind, holder, basis: "registration" })),
});

export const heldByOne = (holder: string): JsonObject =>
  held(["holding", holder], ["processing", holder], ["operating", holder]);

export const registration = (resource: string, steward: string, change: JsonObject): JsonObject => ({
  resource,
  kind: "dataset",
  title: resource,
  steward,
  servedBy: "HolderMSP",
  logs: [LOG],
  sharing: "conditional",
  subjectKind: "none",
  fields: [
    { name: "id", type: "string", grade: "general-1" },
    { name: "n", type: "integer", grade: "general-1" },
  ],
  basis: { law: "registration rules", duty: "the steward's" },
  ...change,
});

/** Committed to with each registration; never public. */
export const HEAD_NAME = "Zs6 Li Qiang";
export const HEAD = { responsibleHead: { value: { name: HEAD_NAME, title: "director" } } };

/** Of a contract on an offer: what the stories agree on beside parties, grant and payees. */
export const contractTerms = (change: JsonObject): JsonObject => ({
  until: instantAt("2026-12-31"),
  disputeDays: 10,
  counterparts: [],
  ...change,
});

export const ROWS = [
  { id: "a-01", n: 412 },
  { id: "a-02", n: 97 },
];
