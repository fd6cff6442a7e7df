/** Days and times in the data itself: RFC 3339 with any offset, finer than the ledger's own milliseconds. */
import { offsetMs } from "@quanji/chaincode/domain";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A calendar day `YYYY-MM-DD` that exists. */
export const isDay = (text: string): boolean => DAY.test(text) && dayMs(text) !== undefined;

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Midnight UTC of ten characters that look like a day; undefined if the Gregorian calendar has no such day. */
function dayMs(day: string): number | undefined {
  const [year, month, date] = [Number(day.slice(0, 4)), Number(day.slice(5, 7)), Number(day.slice(8, 10))];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = leap && month === 2 ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
  if (date < 1 || date > last) return undefined;
  // 400 years on the calendar is the same, and `Date.UTC` takes years below 100 for those of the last century.
  return Date.UTC(year + 400, month - 1, date) - 146_097 * DAY_MS;
}

/**
 * Nanoseconds since 1970 of an RFC 3339 time, or undefined. Stricter than the RFC: capital T and Z, at most nine digits of
 * a second, no leap second (the ledger's own clock has none to compare it with).
 */
export function parseTime(text: string): bigint | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, day = "", hour, minute, second, fraction = "", sign, offsetHour = "0", offsetMinute = "0"] = match;
  const midnight = dayMs(day);
  const parts = [Number(hour), Number(minute), Number(second), Number(offsetHour), Number(offsetMinute)] as const;
  const [h, m, s, oh, om] = parts;
  if (midnight === undefined || h > 23 || m > 59 || s > 59 || oh > 23 || om > 59) return undefined;
  const offset = (sign === "-" ? -1 : 1) * (oh * 60 + om) * MINUTE_MS;
  const ms = midnight + (h * 60 + m) * MINUTE_MS + s * 1000 - offset;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/**
 * Nanoseconds since 1970 of a day or a time; undefined if it is neither. A day stands for its first instant in the
 * network's time zone, so days and times compare with each other. `timeZone` is an offset such as `+08:00`.
 */
export function parseMoment(text: string, timeZone: string): bigint | undefined {
  if (!DAY.test(text)) return parseTime(text);
  const midnight = dayMs(text);
  return midnight === undefined ? undefined : BigInt(midnight - offsetMs(timeZone)) * 1_000_000n;
}
