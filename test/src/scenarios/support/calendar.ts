/**
 * The stories' calendar. Their text is set in March 2026; ledger time is real time plus an offset that only grows, so they are
 * played in the next year whose days fall on the same days of the week (2037 for 2026): months, weekdays and the order of all
 * dates are as written, on either ledger.
 */

const WRITTEN = 2026;
const ZONE = "+08:00";

const shape = (year: number): string =>
  `${new Date(Date.UTC(year, 0, 1)).getUTCDay()} ${new Date(Date.UTC(year, 1, 29)).getUTCMonth()}`;

/** A year later than `now` with the calendar of 2026. */
export function playedYear(nowMs: number): number {
  let year = new Date(nowMs).getUTCFullYear() + 1;
  while (shape(year) !== shape(WRITTEN)) year++;
  return year;
}

const SHIFT = playedYear(Date.now()) - WRITTEN;

const moved = (text: string): string => `${Number(text.slice(0, 4)) + SHIFT}${text.slice(4)}`;

/** `2026-03-02` or `2026-03-02 09:00:00` of the text, in +08:00: ms since 1970 as the story is played. */
export const at = (text: string): number => {
  const [day = "", time = "00:00:00"] = text.split(" ");
  return Date.parse(`${moved(day)}T${time}${ZONE}`);
};

/** The same as an instant. */
export const instantAt = (text: string): string => new Date(at(text)).toISOString();

/** A month of the text, as the ledger names it. */
export const month = (text: string): string => moved(text);

/** What is played as it is written: to compare, and to read. */
export const written = (text: string): string =>
  text.replaceAll(/\b20\d\d(?=-(?:0[1-9]|1[0-2])\b)/g, (year) => String(Number(year) - SHIFT));
