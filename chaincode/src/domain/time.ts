/**
 * Ledger time. Texts are always `YYYY-MM-DDTHH:MM:SS.mmmZ`; inside, milliseconds since 1970. The network's time zone is a
 * fixed offset: named zones change with the engine's tables, and endorsers must agree.
 */
import { z } from "zod";
import { QuanjiError } from "./errors.js";

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Exactly what `Date` would write: compared in digits, because records bring two of these each. */
export function isInstant(text: string): boolean {
  if (!INSTANT.test(text)) return false;
  const day = digits(text, 8);
  return (
    digits(text, 11) < 24 &&
    digits(text, 14) < 60 &&
    digits(text, 17) < 60 &&
    day >= 1 &&
    day <= daysOf(digits(text, 0) * 100 + digits(text, 2), digits(text, 5))
  );
}

/** Two digits. */
const digits = (text: string, at: number): number => (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;

/** Days of a month, of the Gregorian calendar; 0 for no month. */
function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [0, 31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month] ?? 0;
}

const isDay = (text: string): boolean => DAY.test(text) && isInstant(`${text}T00:00:00.000Z`);

export const Instant = z.string().refine(isInstant, "a time such as 2026-03-02T01:00:00.000Z");
/** A day of the network's calendar, or an instant. */
export const DayOrInstant = z
  .string()
  .refine(
    (text) => isDay(text) || isInstant(text),
    "a day such as 2026-03-02, or a time such as 2026-03-02T01:00:00.000Z",
  );
export const TimeZone = z.string().regex(/^[+-](0\d|1[0-4]):[0-5]\d$/, "an offset such as +08:00");

export const instant = (ms: number): string => new Date(ms).toISOString();
export const msOf = (text: string): number => Date.parse(text);

/** `2025-11-20T07Z`: the resolution of what may be published. */
export const hourOf = (time: string): string => `${time.slice(0, 13)}Z`;

export function offsetMs(timeZone: string): number {
  const sign = timeZone.startsWith("-") ? -1 : 1;
  return sign * (Number(timeZone.slice(1, 3)) * 60 + Number(timeZone.slice(4, 6))) * 60_000;
}

/** A day begins at midnight in the network's time zone. */
export const msOfDayOrInstant = (text: string, timeZone: string): number =>
  DAY.test(text) ? msOf(`${text}T00:00:00.000Z`) - offsetMs(timeZone) : msOf(text);

/** Length of a quota's window. `window` = the grant's whole window; months and years follow the calendar. */
export const PERIODS = ["PT1H", "P1D", "P7D", "P1M", "P1Y", "window"] as const;
export type Period = (typeof PERIODS)[number];

const FIXED_MS: Partial<Record<Period, number>> = { PT1H: 3_600_000, P1D: 86_400_000, P7D: 604_800_000 };

/** Calendar months from `start` to `time`, both shifted into the network's time zone; a short month ends early. */
function wholeMonths(startMs: number, timeMs: number): number {
  const [start, time] = [new Date(startMs), new Date(timeMs)];
  const months = (time.getUTCFullYear() - start.getUTCFullYear()) * 12 + time.getUTCMonth() - start.getUTCMonth();
  return addMonths(startMs, months) > timeMs ? months - 1 : months;
}

/** Same day of the month `months` later, or that month's last day. */
export function addMonths(ms: number, months: number): number {
  const date = new Date(ms);
  const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months + 1, 0)).getUTCDate();
  const day = Math.min(date.getUTCDate(), last);
  return first + (day - 1) * 86_400_000 + (ms - Math.floor(ms / 86_400_000) * 86_400_000);
}

/**
 * Number of the fixed window that `time` falls into, counted from `from` in steps of `per`: 0, 1, 2 …
 * Requires time ≥ from; errors: MALFORMED otherwise, for the caller has checked the grant's window before.
 */
export function windowNumber(fromMs: number, timeMs: number, per: Period, timeZone: string): number {
  if (timeMs < fromMs) throw new QuanjiError("MALFORMED", "the time lies before the window");
  const fixed = FIXED_MS[per];
  if (fixed !== undefined) return Math.floor((timeMs - fromMs) / fixed);
  if (per === "window") return 0;
  const shift = offsetMs(timeZone);
  const months = wholeMonths(fromMs + shift, timeMs + shift);
  return per === "P1M" ? months : Math.floor(months / 12);
}
