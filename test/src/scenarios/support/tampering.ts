/** D3: a trail verifies as a whole, and not with any entry dropped, repeated, swapped or edited. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { TrailKind } from "@quanji/chaincode/domain";
import { verifyTrail } from "@quanji/client/verify";
import { linesOf, recordsAt, seal } from "../../support/trails.js";
import { until } from "../../support/until.js";
import { mixed } from "./chance.js";
import type { Story } from "./story.js";

const REFUSED = ["TRAIL_INCOMPLETE", "PROOF_INVALID"];

type Change = (lines: readonly string[], at: number, other: number) => string[];

/** Of one record line. The file's own count and digest are made right again, so only the proofs can tell. */
const CHANGES: Readonly<Record<string, Change>> = {
  dropped: (lines, at) => lines.toSpliced(at, 1),
  repeated: (lines, at) => lines.toSpliced(at, 0, lines[at] ?? ""),
  swapped: (lines, at, other) => lines.with(at, lines[other] ?? "").with(other, lines[at] ?? ""),
  edited: (lines, at) => lines.with(at, edited(lines[at] ?? "")),
};

/** The record says another second of the same minute: as well-formed as before. */
function edited(line: string): string {
  const changed = line.replace(/(\\"time\\":\\"[^"]{17})(\d)(\d)/, (_, head: string, tens: string, ones: string) => {
    return `${head}${tens}${(Number(ones) + 1) % 10}`;
  });
  if (changed === line) throw new Error("no time in the record");
  return changed;
}

export interface Trail {
  readonly by: string;
  readonly kind: TrailKind;
  readonly id: string;
}

export async function textOf<N extends string>(story: Story<N>, { by, kind, id }: Trail): Promise<string> {
  let text = "";
  for await (const line of (await story.client(by as N)).trail(kind, id)) text += `${line}\n`;
  return text;
}

/** Answers how many records it has. */
export async function assertTrail<N extends string>(story: Story<N>, trail: Trail): Promise<number> {
  const name = `${trail.kind} ${trail.id}`;
  const trust = await story.trust();
  // Witnesses state the heads of chains a moment after the last block.
  const { text, verdict } = await until(async () => {
    const text = await textOf(story, trail);
    const verdict = await verifyTrail(text, trust);
    return verdict.detail === "WITNESS_QUORUM" ? undefined : { text, verdict };
  });
  deepStrictEqual([verdict.ok, verdict.code, verdict.detail], [true, undefined, undefined], name);
  const lines = linesOf(text);
  const records = recordsAt(lines);
  strictEqual(verdict.records, records.length, name);
  for (const [nth, [how, change]] of Object.entries(CHANGES).entries()) {
    if (records.length < 2) break;
    const place = mixed(`${name} ${how}`, records.length - 1);
    const [at = 0, other = 0] = [records[place], records[place + 1]];
    const lied = await verifyTrail(seal(change(lines, at, other)), trust);
    strictEqual(lied.ok, false, `${name}: entry ${place} ${how} (${nth})`);
    ok(REFUSED.includes(lied.code ?? ""), `${name}: entry ${place} ${how}: ${lied.code ?? ""} ${lied.detail ?? ""}`);
  }
  return records.length;
}
