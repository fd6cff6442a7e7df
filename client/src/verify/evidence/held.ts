/** Records in their logs, as the files that people keep show them. Nothing is verified here. */
import type { TrailLineOf } from "@quanji/chaincode/domain";
import type { Openings } from "@quanji/chaincode/log";
import { linesOf, parseLine, SourceFault, type TrailSource } from "../lines.js";
import { openReceipt } from "../receipt.js";
import type { HeldRecord } from "./compare.js";

/** Of an upgraded receipt, the proof beside it. Errors: NOT_CANONICAL, JWS_SHAPE, FIELD_UNKNOWN and others of a receipt's form. */
export function heldInReceipt(file: string | Uint8Array): HeldRecord {
  const { receipt, later } = openReceipt(file);
  return { record: receipt.record, openings: receipt.openings as Openings, proof: later?.proof ?? receipt.proof };
}

/** Only the last record of each log has a proof of its own in a trail. Errors: those of a line's form; whatever the source throws. */
export async function heldInTrail(source: TrailSource): Promise<HeldRecord[]> {
  const held: HeldRecord[] = [];
  let key: TrailLineOf<"trail">["key"] | undefined;
  let last: TrailLineOf<"record"> | undefined;
  try {
    for await (const lines of linesOf(source)) {
      for (const bytes of lines) {
        const line = parseLine(bytes);
        if (line.t === "trail") key = line.key;
        else if (line.t === "log") last = undefined;
        else if (line.t === "record") last = line;
        else if (line.t === "logEnd") held.push(...endsOf(line, last, key));
      }
    }
  } catch (error) {
    throw error instanceof SourceFault ? error.cause : error;
  }
  return held;
}

function* endsOf(
  { proof, next }: TrailLineOf<"logEnd">,
  last: TrailLineOf<"record"> | undefined,
  key: TrailLineOf<"trail">["key"] | undefined,
): Generator<HeldRecord> {
  if (last !== undefined && proof !== undefined) yield { record: last.r, openings: last.o as Openings, proof };
  if (next === undefined || key === undefined) return;
  const openings = { [`links.${key.kind}`]: next.opening } as Openings;
  yield { record: next.record, openings, proof: next.proof };
}
