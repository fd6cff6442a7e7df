/** What a gateway can make with the regulator's, the log's and the heads key: trails whose signatures are all good. Holds no test itself. */
import { instant, recordLeaf, recordText, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import {
  canonical,
  type ChainHead,
  type ChainKey,
  chainStart,
  commit,
  emptyFrontier,
  type FlattenedJws,
  formatCheckpoint,
  formatHeadNote,
  formatNote,
  formatTlogProof,
  emptyHead,
  entryLeaf,
  extend,
  parseHeadNote,
  parseNote,
  verbOf,
  type Hash,
  inclusionProof,
  newNodes,
  type NoteSignature,
  appendLeaves,
  PUBLIC_SALT,
  rootOf,
  sha256,
  utf8,
} from "@quanji/chaincode/log";
import { NET, HEADS, LOG_KEYS } from "./keys.support.test.js";
import { requestText } from "./world.support.test.js";

/** The keys of whoever forges, and the network's name. */
export interface Hands {
  readonly net: string;
  /** Signs checkpoints, by origin. */
  readonly logs: Readonly<Record<string, NoteHand>>;
  /** Signs head notes. */
  readonly heads: NoteHand;
}
interface NoteHand {
  readonly note: (text: string) => Promise<NoteSignature>;
}
const SMALL_WORLD: Hands = { net: NET, logs: LOG_KEYS, heads: HEADS };

/** What a gateway and the regulator could make together: any record, chained and signed as if it had been decided so. */
export interface Forged {
  face: Record<string, unknown>;
  body: Record<string, unknown> & { links: Record<string, string>; basis: Record<string, unknown> };
  q?: FlattenedJws;
}

/** The trail with its records edited and everything above them made anew. `edit` may answer false to leave a record out. */
export async function collude(
  lines: readonly TrailLine[],
  edit: (record: Forged, i: number) => boolean | undefined | Promise<boolean | undefined>,
  hands: Hands = SMALL_WORLD,
): Promise<TrailLine[]> {
  const header = lines[0] as TrailLineOf<"trail">;
  const { kind, id } = header.key;
  if (kind === "subject") throw new Error("a subject's trail has no links to forge");
  const path = `links.${kind}`;
  const out: TrailLine[] = [];
  let key: ChainKey = { scope: "", kind, id };
  let head = emptyHead(key);
  let leaves: Hash[] = [];
  let i = 0;
  for (const line of lines) {
    if (line.t === "log") {
      key = { scope: line.log, kind, id };
      [head, leaves] = [emptyHead(key), []];
    }
    if (line.t === "record") {
      const [face = "", body = ""] = line.r.split("\n");
      const forged = { face: JSON.parse(face) as unknown, body: JSON.parse(body) as unknown, q: line.q } as Forged;
      if ((await edit(forged, i++)) === false) continue;
      const opening = { salt: line.o[path]!.salt, value: { n: head.n, prev: head.h } };
      forged.body.links[kind] = commit([String(forged.body["id"])], path, opening);
      const bytes = { face: canonical(forged.face), body: canonical(forged.body) };
      head = extend(head, recordLeaf(bytes));
      leaves[Number(forged.face["index"])] = recordLeaf(bytes);
      out.push({
        t: "record",
        r: recordText(bytes),
        o: { [path]: opening },
        ...(forged.q !== undefined && { q: forged.q }),
      });
    } else if (line.t === "logEnd" && line.note !== undefined && leaves.length > 0) {
      const all = Array.from(leaves, (leaf: Hash | undefined, at) => leaf ?? sha256(utf8(`filler ${at}`)));
      out.push(await forgedEnd(key, head, all, line, hands));
    } else out.push(line);
  }
  return out;
}

async function forgedEnd(
  key: ChainKey,
  head: ChainHead,
  leaves: readonly Hash[],
  line: TrailLineOf<"logEnd">,
  hands: Hands,
): Promise<TrailLine> {
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  const root = rootOf(appendLeaves(emptyFrontier(), leaves));
  const checkpoint = formatCheckpoint({ origin: key.scope, size: leaves.length, root });
  const index = leaves.length - 1;
  const proof = formatTlogProof({
    index,
    proof: await inclusionProof(index, leaves.length, (level, at) => nodes.get(`${level}/${at}`)!),
    note: { text: checkpoint, signatures: [await hands.logs[key.scope]!.note(checkpoint)] },
  });
  const opening = { h: head.h, n: head.n, salt: PUBLIC_SALT };
  const { time } = parseHeadNote(parseNote(line.note).text);
  const note = await noteFor(key, opening, { number: leaves.length, hash: root }, time, hands);
  return { t: "logEnd", log: key.scope, opening, proof, note };
}

async function noteFor(
  key: ChainKey,
  opening: ChainHead & { salt: string },
  at: { readonly number: number; readonly hash: Hash },
  time: number,
  { net, logs, heads }: Hands,
): Promise<string> {
  const scope = key.scope in logs ? key.scope : net;
  const state = sha256(utf8(canonical(opening)));
  const block = { number: 11, hash: sha256(utf8("block")) };
  const text = formatHeadNote({ at: { scope, ...at }, key: chainStart(key), state, block, time });
  return formatNote({ text, signatures: [await heads.note(text)] });
}

export interface ForgedCommand {
  readonly request: FlattenedJws;
  readonly timeMs: number;
  /** Entry members to falsify. */
  readonly entry?: Record<string, unknown>;
}

/** The lines with one command chain replaced by these commands, attested by the heads key. */
export async function collideChain(
  lines: readonly TrailLine[],
  kind: TrailLineOf<"chain">["kind"],
  id: string,
  edit: (commands: ForgedCommand[]) => ForgedCommand[],
): Promise<TrailLine[]> {
  const start = lines.findIndex((line) => line.t === "chain" && line.kind === kind && line.id === id);
  const length = lines.slice(start).findIndex((line) => line.t === "chainEnd");
  const chain = lines[start] as TrailLineOf<"chain">;
  const before = lines.slice(start + 1, start + length).map((line): ForgedCommand => {
    const { entry, request } = line as TrailLineOf<"command">;
    return { request, timeMs: Date.parse((JSON.parse(entry) as { time: string }).time) };
  });
  const end = lines[start + length] as TrailLineOf<"chainEnd">;
  const { time } = parseHeadNote(parseNote(end.note).text);
  let head = emptyHead(chain);
  const commands = edit(before).map(({ request, timeMs, entry }): TrailLine => {
    const text = canonical({
      request: requestText(request),
      time: instant(timeMs),
      tx: "ab".repeat(32),
      v: "quanji.entry.v1",
      verb: verbOfJws(request),
      ...entry,
    });
    head = extend(head, entryLeaf(text));
    return { t: "command", entry: text, request };
  });
  const opening = { h: head.h, n: head.n, salt: PUBLIC_SALT };
  const note = await noteFor(chain, opening, { number: 11, hash: sha256(utf8("block")) }, time, SMALL_WORLD);
  return [
    ...lines.slice(0, start + 1),
    ...commands,
    { t: "chainEnd", note, opening },
    ...lines.slice(start + length + 1),
  ];
}

const verbOfJws = (jws: FlattenedJws): string =>
  verbOf((JSON.parse(Buffer.from(jws.protected, "base64url").toString()) as { typ: string }).typ);
