/** Months of the network's calendar: the periods of statements, tariffs and books. */
import { z } from "zod";
import { addMonths, offsetMs } from "../time.js";

/** A calendar month in the network's time zone. */
export const Month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, "a month such as 2026-03");

/** First instant of the month, and of the one after it. */
export function monthBounds(month: string, timeZone: string): { readonly fromMs: number; readonly untilMs: number } {
  const local = Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 1, 1);
  const shift = offsetMs(timeZone);
  return { fromMs: local - shift, untilMs: addMonths(local, 1) - shift };
}

export const monthOf = (timeMs: number, timeZone: string): string =>
  new Date(timeMs + offsetMs(timeZone)).toISOString().slice(0, 7);

export const beginsMonth = (timeMs: number, timeZone: string): boolean =>
  monthBounds(monthOf(timeMs, timeZone), timeZone).fromMs === timeMs;

/** First instant of the month after the one that `timeMs` lies in. */
export const nextMonthMs = (timeMs: number, timeZone: string): number =>
  monthBounds(monthOf(timeMs, timeZone), timeZone).untilMs;
