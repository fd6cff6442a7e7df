/** Attacks on a trail's lines, each with the code that owns it. Holds no test itself. */
import { instant, type TrailLineOf } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import { LOG, NET, noteSigner, OTHER_LOG, PARTIES, RESOURCE } from "./support.test.js";
import {
  at,
  child,
  DAY,
  drop,
  edit,
  endAt,
  grant,
  type Lines,
  lines,
  recordsOf,
  type Row,
  swap,
  without,
  world,
} from "./tampering.support.test.js";

const entryAt = (i: number): string => (lines[i] as TrailLineOf<"command">).entry;

/** The command of that line by its entry alone. */
const withholding = (i: number, change: (entry: string) => string): Lines =>
  lines.with(i, { t: "withheld", entry: change(entryAt(i)) });

export const ON_LINES: readonly Row[] = [
  [
    "1 a record with a byte changed",
    "PROOF_INVALID · LEAF_MISMATCH",
    () => edit(at("record", 1), (l: TrailLineOf<"record">) => ({ r: l.r.replace('"rows":1', '"rows":2') })),
  ],
  [
    "1 the last record with a byte changed",
    "PROOF_INVALID · LEAF_MISMATCH",
    () => edit(at("record", -1), (l: TrailLineOf<"record">) => ({ r: l.r.replace(/"used":\d/, '"used":9') })),
  ],
  [
    "2 an opening of a head, and no record",
    "TRAIL_INCOMPLETE · ABSENCE_UNPROVEN",
    () => lines.filter((line) => line.t !== "record"),
  ],
  [
    "3 a space in a line",
    "PROOF_INVALID · NOT_CANONICAL",
    () => [...lines.slice(0, -1), canonical(lines.at(-1), { maxBytes: 1 << 16, maxDepth: 12 }).replace(":", ": ")],
  ],
  ["6 an unknown field", "PROOF_INVALID · FIELD_UNKNOWN", () => edit(at("record"), () => ({ x: 1 }))],
  ["8 another version", "PROOF_INVALID · VERSION_UNKNOWN", () => edit(0, () => ({ v: "quanji.trail.v2" }))],
  ["9 a line of another type", "PROOF_INVALID · TYPE_UNKNOWN", () => edit(at("record"), () => ({ t: "tally" }))],
  [
    "14 a record of another log",
    "PROOF_INVALID · LOG_MISMATCH",
    async () => {
      const face = (l: TrailLineOf<"record">) => ({ r: l.r.replaceAll(LOG, OTHER_LOG) });
      return Promise.resolve(edit(at("record"), face));
    },
  ],
  [
    "14 a log that ends under another name",
    "PROOF_INVALID · LOG_MISMATCH",
    () => edit(at("logEnd"), () => ({ log: OTHER_LOG })),
  ],
  ["22 a log that nobody knows", "PROOF_INVALID · LOG_UNKNOWN", () => edit(at("log"), () => ({ log: `${NET}/gx/9` }))],
  [
    "23 a head note that another key signed",
    "PROOF_INVALID · LOG_SIGNATURE_INVALID",
    async () => {
      const end = lines[at("logEnd")] as TrailLineOf<"logEnd">;
      const [text = ""] = end.note!.split("\n\n");
      const stranger = noteSigner("stranger.test/h");
      const made = await stranger.note(`${text}\n`);
      const id = Buffer.alloc(4);
      id.writeUInt32BE(made.id);
      const note = `${text}\n\n— stranger.test/h ${Buffer.concat([id, made.bytes]).toString("base64")}\n`;
      return edit(at("logEnd"), () => ({ note }));
    },
  ],
  [
    "27 a head note that the log's key signed",
    "PROOF_INVALID · KEY_PURPOSE",
    async () => {
      const { headSigners } = world;
      world.headSigners = [noteSigner(LOG)];
      const changed = [...lines.slice(0, at("log")), ...(await world.logLines(LOG, "grant", grant))];
      world.headSigners = headSigners;
      return changed;
    },
  ],
  ["30 a record removed", "TRAIL_INCOMPLETE · TRAIL_GAP", () => drop(at("record", 2))],
  ["31 the last record removed", "TRAIL_INCOMPLETE · TRAIL_TRUNCATED", () => drop(at("record", -1))],
  ["32 the first record removed", "TRAIL_INCOMPLETE · TRAIL_START", () => drop(at("record"))],
  ["33 two records swapped", "TRAIL_INCOMPLETE · TRAIL_ORDER", () => swap(at("record", 1), at("record", 2))],
  ["33 the first two records swapped", "TRAIL_INCOMPLETE · TRAIL_ORDER", () => swap(at("record"), at("record", 1))],
  [
    "33 a record moved to the end",
    "TRAIL_INCOMPLETE · TRAIL_ORDER",
    () => drop(at("record", 1)).toSpliced(at("record", -1), 0, lines[at("record", 1)]!),
  ],
  [
    "34 a foreign record added",
    "TRAIL_INCOMPLETE · TRAIL_FOREIGN",
    async () => {
      const other = recordsOf(await world.trailLines("grant", child))[0]!;
      return lines.toSpliced(at("record", 2), 0, other);
    },
  ],
  [
    "35 a record twice",
    "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
    () => lines.toSpliced(at("record", 1), 0, lines[at("record", 1)]!),
  ],
  [
    "35 a record twice, far apart",
    "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
    () => lines.toSpliced(at("record", 4), 0, lines[at("record", 1)]!),
  ],
  [
    "36 another key's chain under this key",
    "TRAIL_INCOMPLETE · CHAIN_KEY",
    async () => {
      const { note, opening } = await world.headNote({ scope: LOG, kind: "grant", id: child });
      return edit(at("logEnd"), () => ({ note, opening }));
    },
  ],
  [
    "36 another log's head note",
    "TRAIL_INCOMPLETE · CHAIN_KEY",
    async () => {
      const { note } = await world.headNote({ scope: OTHER_LOG, kind: "grant", id: grant });
      return edit(at("logEnd"), () => ({ note }));
    },
  ],
  ["37 a log left out", "TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE", () => lines.slice(0, at("log"))],
  [
    "37 no directory",
    "TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE",
    () => world.trailLines("grant", grant, { without: [`directory ${NET}`] }),
  ],
  ["38 the directory cut short", "TRAIL_INCOMPLETE · DIRECTORY_STALE", () => drop(endAt("directory", NET) - 1)],
  [
    "a party's chain cut short",
    "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
    () => drop(endAt("party", PARTIES.insurer.id) - 1),
  ],
  [
    "two commands swapped",
    "PROOF_INVALID · LEAF_MISMATCH",
    () => swap(endAt("grant", grant) - 1, endAt("grant", grant) - 2),
  ],
  [
    "one command twice",
    "TRAIL_INCOMPLETE · REQUEST_REPLAYED",
    () => lines.toSpliced(endAt("grant", grant), 0, lines[endAt("grant", grant) - 1]!),
  ],
  [
    "a command of another object",
    "TRAIL_INCOMPLETE · CHAIN_KEY",
    () => lines.toSpliced(endAt("grant", grant), 0, lines[endAt("grant", child) - 1]!),
  ],
  [
    "a command of another kind",
    "TRAIL_INCOMPLETE · CHAIN_KEY",
    () => lines.toSpliced(endAt("grant", grant), 0, lines[endAt("resource", RESOURCE) - 1]!),
  ],
  [
    "a grant's command withheld",
    "TRAIL_INCOMPLETE · COMMAND_WITHHELD",
    () => withholding(endAt("grant", grant) - 1, (entry) => entry),
  ],
  [
    "a grant's command withheld as if it were a statement's",
    "TRAIL_INCOMPLETE · COMMAND_WITHHELD",
    () => withholding(endAt("grant", grant) - 1, (entry) => entry.replace("grant.approve", "statement.close")),
  ],
  [
    "a withheld command that is shown",
    "PROOF_INVALID · FIELD_UNKNOWN",
    () => edit(endAt("grant", grant) - 1, () => ({ t: "withheld" })),
  ],
  [
    "a withheld command outside a chain",
    "PROOF_INVALID · LINE_ORDER",
    () => lines.toSpliced(1, 0, { t: "withheld", entry: entryAt(endAt("grant", grant) - 1) }),
  ],
  [
    "40 absence without state none",
    "TRAIL_INCOMPLETE · ABSENCE_UNPROVEN",
    async () => {
      const empty = await world.logLines(OTHER_LOG, "grant", grant);
      const { note, opening } = await world.headNote({ scope: LOG, kind: "grant", id: grant });
      return [...lines.slice(0, at("log")), { ...empty[0]!, log: LOG }, { t: "logEnd", log: LOG, note, opening }];
    },
  ],
  [
    "41 a head's opening changed",
    "PROOF_INVALID · STATE_OPENING",
    () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => ({ opening: { ...l.opening, n: 1 } })),
  ],
  [
    "41 a head without its opening",
    "PROOF_INVALID · STATE_OPENING",
    () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => without(l, "opening")),
  ],
  [
    "41 an opening where the chain was never touched",
    "PROOF_INVALID · STATE_OPENING",
    () => edit(endAt("boundary", NET), (l: TrailLineOf<"chainEnd">) => ({ opening: { ...l.opening, n: 1 } })),
  ],
  [
    "41 a public head under another salt",
    "PROOF_INVALID · STATE_OPENING",
    () =>
      edit(endAt("directory", NET), (l: TrailLineOf<"chainEnd">) => ({
        opening: { ...l.opening, salt: "B".repeat(42) + "A" },
      })),
  ],
  [
    "42 a link's opening changed",
    "PROOF_INVALID · LINK_OPENING",
    () =>
      edit(at("record", 1), (l: TrailLineOf<"record">) => ({
        o: { "links.grant": { ...l.o["links.grant"], value: { n: 7, prev: "A".repeat(43) } } },
      })),
  ],
  [
    "42 a link that opens to something else",
    "PROOF_INVALID · LINK_OPENING",
    () =>
      edit(at("record", 1), (l: TrailLineOf<"record">) => ({
        o: { "links.grant": { ...l.o["links.grant"], value: 7 } },
      })),
  ],
  ["42 no opening", "PROOF_INVALID · LINK_OPENING", () => edit(at("record", 1), () => ({ o: {} }))],
  [
    "42 an opening of another key's link",
    "PROOF_INVALID · LINK_OPENING",
    () => edit(at("record", 1), (l: TrailLineOf<"record">) => ({ o: { ...l.o, "links.party": l.o["links.grant"] } })),
  ],
  [
    "46 a short salt",
    "PROOF_INVALID · SALT_LENGTH",
    () =>
      edit(at("record", 1), (l: TrailLineOf<"record">) => ({
        o: { "links.grant": { ...l.o["links.grant"], salt: "AAAA" } },
      })),
  ],
  [
    "59 another request beside a record",
    "PROOF_INVALID · REQUEST_MISMATCH",
    () => edit(at("record"), () => ({ q: recordsOf(lines)[2]!.q })),
  ],
  [
    "59 a record without its request",
    "PROOF_INVALID · REQUEST_MISSING",
    () => edit(at("record"), (l: TrailLineOf<"record">) => without(l, "q")),
  ],
  [
    "59 a request beside a delivery",
    "PROOF_INVALID · REQUEST_MISMATCH",
    () => edit(at("record", 1), () => ({ q: recordsOf(lines)[0]!.q })),
  ],
  [
    "59 another command beside an entry",
    "PROOF_INVALID · REQUEST_MISMATCH",
    () =>
      edit(endAt("grant", grant) - 1, () => ({
        request: (lines[endAt("grant", grant) - 2] as TrailLineOf<"command">).request,
      })),
  ],
  [
    "63 another network's trail",
    "PROOF_INVALID · NETWORK_MISMATCH",
    () => edit(0, () => ({ net: "quanji.test/town" })),
  ],
  [
    "the last record without a proof",
    "PROOF_INVALID · PROOF_MISSING",
    () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => without(l, "proof")),
  ],
  [
    "2 a proof and no record",
    "PROOF_INVALID · RECORD_MISSING",
    async () => {
      const { proof } = lines[at("logEnd")] as TrailLineOf<"logEnd">;
      const party = await world.trailLines("party", PARTIES.approver.id);
      return party.map((line) => (line.t === "logEnd" ? { ...line, proof } : line));
    },
  ],
  [
    "10 the proof of another record",
    "PROOF_INVALID · INDEX_MISMATCH",
    async () => {
      const proof = await world.proof(LOG, 0);
      return edit(at("logEnd"), () => ({ proof }));
    },
  ],
  [
    "a section that ends neither way",
    "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
    () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => without(l, "note")),
  ],
  [
    "a successor and a note",
    "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
    async () => {
      const parts = { to: instant(world.nowMs - DAY), successor: true };
      const other = await world.trailLines("grant", grant, parts);
      return other.map((line) =>
        line.t === "logEnd" ? { ...line, note: (lines[at("logEnd")] as TrailLineOf<"logEnd">).note } : line,
      );
    },
  ],
  [
    "one of a trail's own chains missing",
    "TRAIL_INCOMPLETE · CHAIN_MISSING",
    () => world.trailLines("grant", grant, { without: [`grant ${grant}`] }),
  ],
  [
    "the resource's own chain missing",
    "TRAIL_INCOMPLETE · CHAIN_MISSING",
    () => world.trailLines("resource", RESOURCE, { without: [`resource ${RESOURCE}`] }),
  ],
  [
    "a requester's chain missing",
    "TRAIL_INCOMPLETE · CHAIN_MISSING",
    () => world.trailLines("resource", RESOURCE, { without: [`party ${PARTIES.operator.id}`] }),
  ],
  [
    "the party's own chain missing",
    "TRAIL_INCOMPLETE · CHAIN_MISSING",
    () => world.trailLines("party", "urn:quanji:nobody"),
  ],
  [
    "a signer's chain missing",
    "TRAIL_INCOMPLETE · CHAIN_MISSING",
    () => world.trailLines("grant", grant, { without: [`party ${PARTIES.approver.id}`] }),
  ],
];
