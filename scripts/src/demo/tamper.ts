/**
 * Six ways to lie with a trail. Each also mends the file's own count and digest, as a liar would: what must catch it are the
 * chains, not a check sum that anybody can recompute.
 */
import { sha256Text } from "@quanji/chaincode/log";

type Line = Record<string, unknown> & { readonly t: string };

export interface Lie {
  readonly name: string;
  readonly text: string;
}

const parse = (trail: string): Line[] =>
  trail
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

/** Lines as a trail, with a true count and digest at its end. */
function seal(lines: readonly string[], count: number): string {
  const body = lines.map((line) => `${line}\n`).join("");
  return `${body}{"count":${count},"digest":"${sha256Text(body)}","t":"end"}\n`;
}

/** `earlier`: an honest trail of the same key, taken before the last things happened. */
export function lies(trail: string, earlier: string): readonly Lie[] {
  const all = trail.split("\n").filter((line) => line !== "");
  const parsed = parse(trail);
  const records = parsed.flatMap((line, i) => (line.t === "record" ? [i] : []));
  const middle = records[Math.floor(records.length / 2)] ?? 0;
  const last = records.at(-1) ?? 0;
  const lines = all.slice(0, -1);
  const at = (i: number): string => lines[i] ?? "";
  const without = (i: number): string[] => lines.filter((_, position) => position !== i);
  const count = records.length;
  const changed = at(middle).replace(
    /(\\"time\\":\\"\d{3})(\d)/,
    (_, year: string, digit: string) => `${year}${(Number(digit) + 1) % 10}`,
  );
  return [
    { name: "one byte of a record changed", text: seal(lines.with(middle, changed), count) },
    { name: "a record removed", text: seal(without(middle), count - 1) },
    { name: "two records swapped", text: seal(lines.with(middle, at(middle + 1)).with(middle + 1, at(middle)), count) },
    {
      name: "a record added",
      text: seal([...lines.slice(0, middle + 1), at(middle), ...lines.slice(middle + 1)], count + 1),
    },
    { name: "the tail cut", text: seal(without(last), count - 1) },
    { name: "an old head shown as new", text: oldHead(trail, earlier) },
  ];
}

/** The trail as it was, with the time in its head notes moved to now. */
function oldHead(trail: string, earlier: string): string {
  const now = /\\ntime (\d+)\\n/.exec(trail)?.[1] ?? "0";
  const lines = earlier.split("\n").filter((line) => line !== "");
  const later = lines.slice(0, -1).map((line) => line.replace(/\\ntime \d+\\n/, `\\ntime ${Number(now) + 1}\\n`));
  return seal(later, parse(earlier).filter((line) => line.t === "record").length);
}
