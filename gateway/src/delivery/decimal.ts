/**
 * Exact decimals. Rounding is an obligation and comparing decides which rows leave: neither may hang on how a binary
 * fraction falls.
 */

/** `units × 10^−scale`; scale ≥ 0. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/** Longest text of a decimal: far beyond any measure, far below what makes big integers slow. */
export const MAX_DECIMAL_LENGTH = 64;

const DECIMAL = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** `12`, `-0.5`; no exponent, no leading zeros, no plus sign. Undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > MAX_DECIMAL_LENGTH) return undefined;
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = ""] = match;
  const size = BigInt(whole + fraction);
  return { units: sign === "-" ? -size : size, scale: fraction.length };
}

/** The shortest decimal that reads back as this double: what JSON prints, so what people mean by 0.1. Finite numbers only. */
export function decimalOf(value: number): Decimal {
  const [mantissa = "", exponent = "0"] = String(value).split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const units = BigInt(whole + fraction);
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

const unitsAt = (value: Decimal, scale: number): bigint => value.units * 10n ** BigInt(scale - value.scale);

/** Sign of a − b. */
export function compareDecimals(a: Decimal, b: Decimal): -1 | 0 | 1 {
  const scale = Math.max(a.scale, b.scale);
  const [left, right] = [unitsAt(a, scale), unitsAt(b, scale)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The multiple of `step` nearest to `value`; of two equally near ones the one farther from zero. Requires step > 0. */
export function roundToStep(value: Decimal, step: Decimal): Decimal {
  const scale = Math.max(value.scale, step.scale);
  const [units, width] = [unitsAt(value, scale), unitsAt(step, scale)];
  const size = units < 0n ? -units : units;
  const rounded = ((2n * size + width) / (2n * width)) * width;
  return { units: units < 0n ? -rounded : rounded, scale };
}

/** The one spelling that {@link parseDecimal} reads: no trailing zeros in the fraction, no −0. */
export function formatDecimal({ units, scale }: Decimal): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  const fraction = digits.slice(digits.length - scale, digits.length).replace(/0+$/, "");
  const whole = digits.slice(0, digits.length - scale);
  return `${units < 0n ? "-" : ""}${whole}${scale > 0 && fraction !== "" ? `.${fraction}` : ""}`;
}
