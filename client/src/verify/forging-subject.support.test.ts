/** A subject's trail as gateway and regulator could make it together: other records, other indexes, all hashes and signatures good. Holds no test itself. */
import {
  type IndexRecord,
  parseIndexRecord,
  recordLeaf,
  recordText,
  splitRecordText,
  type TrailLine,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import {
  appendLeaves,
  bulkTag,
  canonical,
  emptyFrontier,
  formatCheckpoint,
  formatTlogProof,
  type Hash,
  hashText,
  inclusionProof,
  newNodes,
  rootOf,
  sha256,
  utf8,
} from "@quanji/chaincode/log";
import type { StoredRecord } from "@quanji/chaincode/world";
import type { Forged, Hands } from "./forging.support.test.js";
import { SubjectTree } from "./subject-tree.support.test.js";

const SEED = hashText(sha256(utf8("seed of a liar")));

interface ForgedDay {
  readonly index: IndexRecord;
  readonly records: { readonly line: TrailLineOf<"record">; readonly at: number; readonly bytes: StoredRecord }[];
}

/** The trail with its records edited, and its indexes as if there had never been others. `edit` may answer false to leave one out. */
export async function colludeOnSubject(
  lines: readonly TrailLine[],
  edit: (record: Forged) => boolean | undefined,
  hands: Hands,
): Promise<TrailLine[]> {
  const { key, tags = [], bulk } = lines[0] as TrailLineOf<"trail">;
  const asked = [...tags.map(({ tag }) => tag), ...(bulk === true ? [bulkTag(key.id)] : [])];
  const out: TrailLine[] = [];
  let days: ForgedDay[] = [];
  let log: TrailLineOf<"log"> | undefined;
  for (const line of lines) {
    if (line.t === "log") [log, days] = [line, []];
    else if (line.t === "day") days.push({ index: parseIndexRecord(splitRecordText(line.r)), records: [] });
    else if (line.t === "record") {
      const forged = edited(line, edit);
      if (forged !== undefined) days.at(-1)?.records.push(forged);
    } else if (line.t === "logEnd" && log !== undefined) out.push(...(await section(log, days, asked, hands)));
    else out.push(line);
  }
  return out;
}

function edited(line: TrailLineOf<"record">, edit: (record: Forged) => boolean | undefined) {
  const { face, body } = splitRecordText(line.r);
  const forged = { face: JSON.parse(face) as unknown, body: JSON.parse(body) as unknown, q: line.q } as Forged;
  if (edit(forged) === false) return undefined;
  const bytes = { face: canonical(forged.face), body: canonical(forged.body) };
  return { line, at: Number(forged.face["index"]), bytes: bytes as StoredRecord };
}

async function section(
  line: TrailLineOf<"log">,
  days: readonly ForgedDay[],
  asked: readonly string[],
  hands: Hands,
): Promise<TrailLine[]> {
  const { log, size = 0 } = line;
  const leaves = Array.from({ length: size }, (_, at): Hash => sha256(utf8(`filler ${at}`)));
  const made: { readonly day: TrailLine; readonly records: ForgedDay["records"] }[] = [];
  let [last, prev] = [0, undefined as string | undefined];
  for (const { index, records } of days) {
    const tree = new SubjectTree({ log, from: index.body.from, seed: SEED });
    for (const { at, bytes } of records) {
      leaves[at] = recordLeaf(bytes);
      const { subjects = [] } = JSON.parse(bytes.body) as { readonly subjects?: readonly string[] };
      for (const tag of subjects) tree.add(tag, at, bytes);
    }
    const { prev: _, ...body } = index.body;
    const said = { ...body, ...(prev !== undefined && { prev }), root: tree.root, size: tree.size };
    const bytes = { face: canonical(index.face), body: canonical(said) };
    const leaf = recordLeaf(bytes);
    leaves[index.face.index] = leaf;
    [last, prev] = [index.face.index, hashText(leaf)];
    const shown = new Map(asked.flatMap((tag) => tree.leaves(tag)).map((each) => [each.i, each]));
    for (const each of asked.flatMap((tag) => tree.own(tag))) shown.set(each.i, each);
    const rising = [...shown.values()].sort((a, b) => a.i - b.i);
    made.push({ day: { t: "day", r: recordText(bytes), leaves: rising }, records });
  }
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  const path = (at: number): Promise<Hash[]> => inclusionProof(at, size, (level, i) => nodes.get(`${level}/${i}`)!);
  const text = formatCheckpoint({ origin: log, size, root: rootOf(appendLeaves(emptyFrontier(), leaves)) });
  const note = { text, signatures: [await hands.logs[log]!.note(text)] };
  const out: TrailLine[] = [line];
  for (const { day, records } of made) {
    out.push(day);
    for (const { line: record, at, bytes } of records) {
      out.push({ ...record, r: recordText(bytes), p: (await path(at)).map(hashText) });
    }
  }
  return [...out, { t: "logEnd", log, proof: formatTlogProof({ index: last, proof: await path(last), note }) }];
}
