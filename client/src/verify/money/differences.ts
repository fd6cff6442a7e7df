/** A document against what the evidence makes of it: where they first differ, and what kind of difference that is. */
import type { Json, JsonObject } from "@quanji/chaincode/log";
import type { Finding } from "../findings.js";

export interface Difference {
  /** `InvoiceLine.0.LineExtensionAmount.minor` */
  readonly path: string;
  readonly detail: Finding;
}

type Value = Json | undefined;

const isList = (value: Value): value is readonly Json[] => Array.isArray(value);
const isObject = (value: Value): value is JsonObject => typeof value === "object" && !Array.isArray(value);

/** Members of an object, positions of a list; none of a plain value. */
function partsOf(value: Value): ReadonlyMap<string, Json> {
  if (isList(value)) return new Map(value.map((item, at) => [String(at), item]));
  return isObject(value) ? new Map(Object.entries(value)) : new Map();
}

/** The first difference in the order of members; undefined where there is none. */
export function firstDifference(given: Value, expected: Value, path: readonly string[] = []): Difference | undefined {
  const isSimple =
    (isList(given) || isObject(given)) && isList(given) === isList(expected) && isObject(given) === isObject(expected);
  if (!isSimple) return given === expected ? undefined : { path: path.join("."), detail: detailOf(path) };
  const [left, right] = [partsOf(given), partsOf(expected)];
  for (const name of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    const found = firstDifference(left.get(name), right.get(name), [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Words about what is priced and for whom, wherever they stand. */
const WORDS: ReadonlySet<string> = new Set(["Item", "Party", "AllowanceChargeReason"]);

const NAMED: readonly (readonly [names: ReadonlySet<string>, detail: Finding])[] = [
  [new Set(["split", "portions", "suspense"]), "SPLIT_DIFFERS"],
  [new Set(["tier", "tariff", "Price", "highest", "cap"]), "TIER_DIFFERS"],
  [new Set(["InvoicedQuantity", "quantity", "free", "count", "contracts"]), "QUANTITY_DIFFERS"],
  [new Set(["deliveries", "root", "evidenceRoot", "held", "logs"]), "DELIVERIES_DIFFER"],
  [
    new Set([
      "LineExtensionAmount",
      "LegalMonetaryTotal",
      "AllowanceCharge",
      "amount",
      "revenue",
      "allowed",
      "excess",
      "adjustments",
    ]),
    "AMOUNT_DIFFERS",
  ],
  [new Set(["InvoiceLine", "products", "months"]), "TIER_DIFFERS"],
];

/** By the names on the way to it, those of what is smallest first. */
const detailOf = (path: readonly string[]): Finding =>
  path.some((name) => WORDS.has(name))
    ? "DOCUMENT_DIFFERS"
    : (NAMED.find(([names]) => path.some((name) => names.has(name)))?.[1] ?? "DOCUMENT_DIFFERS");
