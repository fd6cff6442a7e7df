/** Integers 0 … 2⁵³−1 (sizes, indexes, numbers in texts), without the bit operators of the language: those wrap at 2³¹. */

export const isSize = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** Rounded down. Exact: where odd integers are representable up to 2⁵³, their halves are too. */
export const half = (value: number): number => Math.floor(value / 2);

export const isOdd = (value: number): boolean => value % 2 === 1;
