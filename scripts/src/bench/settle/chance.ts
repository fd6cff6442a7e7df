/** Numbers that look random and follow from a place: any delivery of the month can be made again by itself, in any order. */

/** 32 bits from an index and a lane, so that one index has many. Murmur3's last step, twice. */
export function mix(index: number, lane: number): number {
  let h = index ^ Math.imul(lane + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Below `bound`. */
export const below = (bound: number, index: number, lane: number): number => mix(index, lane) % bound;
