/** The data set that the tests' stories are about, as its steward registers it, and the usual use of it. */
import type { Terms } from "../domain/index.js";

/** Members that every story's registration has; the rest says who, where and which fields. */
export const WEATHER = {
  kind: "dataset" as const,
  title: "Daily weather",
  class: "weather.daily",
  grade: { standard: "GB/T 43697-2024" as const, level: "general-2" as const },
  sharing: "conditional" as const,
  subjectKind: "none" as const,
  basis: { law: "Meteorology Law", duty: "publish observations" },
  rangeField: "day",
};

type FieldType = "date" | "number" | "string";

export const weatherField = (
  name: string,
  type: FieldType,
  grade: "general-1" | "general-2" = "general-1",
): { readonly name: string; readonly type: FieldType; readonly grade: "general-1" | "general-2" } => ({
  name,
  type,
  grade,
});

export const heldBy = (holder: string) => [{ kind: "holding" as const, holder, basis: "statutory duty" }];

/** A window that is open whenever a test runs by the machine's clock. */
export const OPEN_WINDOW = { from: "2020-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" };

export const WEATHER_TERMS = {
  actions: ["query"],
  purposes: ["risk.assessment"],
  fields: ["day", "rain"],
  window: OPEN_WINDOW,
  environments: ["api"],
  jurisdictions: ["CN"],
  lawfulBasis: "contract",
  onStop: "stop",
} satisfies Terms;

/** What an access under these terms asks; beside it stand log, resource, grant and quantity. */
export const WEATHER_USE = {
  action: "query" as const,
  purpose: "risk.assessment",
  fields: ["day", "rain"],
  environment: { kind: "api" as const, jurisdiction: "CN" },
};
