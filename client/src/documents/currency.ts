/** Amounts for people: minor units written in major ones. Nothing here is a float. */
import { QuanjiError } from "@quanji/chaincode/domain";

/**
 * Digits of the minor unit where they are not two. Kept here and not asked of the runtime: a runtime's table is CLDR's, which
 * differs from the standard's and from version to version, and a document must read the same everywhere.
 * @see ISO 4217:2015, list one
 */
const DIGITS: ReadonlyMap<string, number> = new Map([
  ..."BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" ").map((code) => [code, 0] as const),
  ..."BHD IQD JOD KWD LYD OMN TND".split(" ").map((code) => [code, 3] as const),
  ..."CLF UYW".split(" ").map((code) => [code, 4] as const),
]);

export const minorDigits = (currency: string): number => DIGITS.get(currency) ?? 2;

/** @example major("6393847", "CNY") // "63938.47" */
export function major(minor: string | bigint, currency: string): string {
  const value = BigInt(minor);
  const digits = minorDigits(currency);
  const text = String(value < 0n ? -value : value).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  return `${value < 0n ? "-" : ""}${whole}${digits === 0 ? "" : `.${text.slice(-digits)}`}`;
}

/** `numerator / 10^scale` without trailing zeros: `bps(1250)` is "12.5" percent. */
export function decimal(numerator: bigint, scale: number): string {
  const text = String(numerator < 0n ? -numerator : numerator).padStart(scale + 1, "0");
  const fraction = scale === 0 ? "" : text.slice(-scale).replace(/0+$/, "");
  const whole = scale === 0 ? text : text.slice(0, -scale);
  return `${numerator < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Of a document that states an amount twice. Errors: TOTAL_MISMATCH · AMOUNT_DIFFERS. */
export function assertMajor(value: string, minor: string, currency: string): void {
  if (major(minor, currency) === value) return;
  throw new QuanjiError("TOTAL_MISMATCH", `${value} ${currency} is not ${minor} in minor units`, {
    detail: "AMOUNT_DIFFERS",
  });
}
