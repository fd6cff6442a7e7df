/** Trails as a liar holds them: lines that can be cut, moved and forged, and sealed anew with a true count and digest. */
import { parseRecord, type QuanjiRecord, splitRecordText } from "@quanji/chaincode/domain";
import { sha256Text } from "@quanji/chaincode/log";

export interface Line {
  readonly t: string;
  readonly r?: string;
  readonly note?: string;
}

export const linesOf = (trail: string): string[] => trail.split("\n").filter((line) => line !== "");

export const parsed = (line: string): Line => JSON.parse(line) as Line;

/** Positions of the record lines. */
export const recordsAt = (lines: readonly string[]): number[] =>
  lines.flatMap((line, i) => (parsed(line).t === "record" ? [i] : []));

export const recordsOf = (trail: string): QuanjiRecord[] =>
  linesOf(trail).flatMap((line) => {
    const { t, r = "" } = parsed(line);
    return t === "record" ? [parseRecord(splitRecordText(r))] : [];
  });

/** All lines before `end`, as a file whose own count and digest are right. */
export function seal(lines: readonly string[]): string {
  const kept = lines.filter((line) => parsed(line).t !== "end");
  const body = kept.map((line) => `${line}\n`).join("");
  const count = kept.filter((line) => ["record", "sealed"].includes(parsed(line).t)).length;
  return `${body}{"count":${count},"digest":"${sha256Text(body)}","t":"end"}\n`;
}
