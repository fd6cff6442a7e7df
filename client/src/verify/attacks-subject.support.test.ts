/**
 * Attacks on the trail of a data subject: on its indexes, on what they say of a tag, on the records, and on what an order seals of
 * it. Holds no test itself.
 */
import { instant, type SubjectTags, splitRecordText, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { sha256Text } from "@quanji/chaincode/log";
import type { Leaf } from "./subject-tree.support.test.js";
import { collideChain, LOG, OTHER_LOG, PARTIES, RESOURCE, sealed, SmallWorld } from "./support.test.js";

const DAY_MS = 86_400_000;
/** Five persons by rank of their tags, in each quarter: she stands in the middle, so neighbours can be on both sides. */
const tagsIn = (quarter: string): readonly string[] =>
  ["a", "b", "c", "d", "e"].map((name) => sha256Text(`${name} ${quarter}`)).sort();
const [ONE, TWO] = [tagsIn("2026Q1"), tagsIn("2026Q2")];
const HER = 2;
/** What she asks for. */
export const TAGS: SubjectTags = [
  { quarter: "2026Q1", tag: ONE[HER]! },
  { quarter: "2026Q2", tag: TWO[HER]! },
];
/** Of somebody of whom there is nothing. */
export const NOBODY: SubjectTags = [
  { quarter: "2026Q1", tag: sha256Text("nobody 2026Q1") },
  { quarter: "2026Q2", tag: sha256Text("nobody 2026Q2") },
];

export let world: SmallWorld;
/** Her trail of two quarters; the same with bulk uses; nobody's. */
export let lines: TrailLine[];
export let withBulk: TrailLine[];
export let nothing: TrailLine[];
/** Of another, from a time after the second index on: of what came before, that index alone stands there. */
export let later: TrailLine[];
/** Of a subject whom the index does not have under a record, though the record names her. */
export let omitted: TrailLine[];
/** Index of the record that is left out there. */
export let omittedAt: number;
/** Her trail while an order seals an access, its delivery and acceptance; and what the order is. */
export let hiding: TrailLine[];
export let order: string;
export let until: string;
/** The same as it would be after the order's end, and when it was lifted; and with everything shown again. */
let late: TrailLine[];
let lifted: TrailLine[];
export let shown: TrailLine[];
/** Indexes of what is sealed: of her, and of another in the same order. */
let hidden: readonly number[];
let others: number;
let othersPath: readonly string[];
let asked: TrailLine[];

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareSubjects = (): Promise<void> => (made ??= make());

async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource({ subjectKind: "person" });
  const grant = await world.grant();
  const use = async (subjects: readonly string[]): Promise<number> => {
    const about = subjects.length > 0 ? { subjects: [...subjects] } : {};
    return world.deliver(await world.access(grant, about));
  };
  const day = async (tags: readonly string[]): Promise<void> => {
    for (const tag of tags) await use([tag]);
  };
  await world.index(OTHER_LOG);
  await day(ONE);
  await world.access(grant, { subjects: [ONE[HER]!], purpose: "marketing" });
  await use([]);
  await world.index();
  world.tick(35 * DAY_MS);
  await use([TWO[HER]!]);
  await use([TWO[HER - 1]!, TWO[HER]!]);
  await day([TWO[0]!, TWO[4]!]);
  await world.index();
  world.tick(DAY_MS);
  await day([TWO[1]!, TWO[3]!, TWO[0]!, TWO[4]!]);
  await world.index();
  await world.index(OTHER_LOG);
  lines = await world.subjectLines(TAGS);
  withBulk = await world.subjectLines(TAGS, { bulk: true });
  nothing = await world.subjectLines(NOBODY);
  later = await laterLines([{ quarter: "2026Q2", tag: TWO[1]! }]);
  // Asked for up to a time after the last index.
  const last = world.nowMs;
  world.tick(DAY_MS);
  asked = await world.subjectLines(TAGS, { to: instant(last + DAY_MS / 2) });
  const access = await world.access(grant, { subjects: [TWO[HER]!] });
  const delivery = await world.deliver(access);
  hidden = [access, delivery, await world.accept(delivery)];
  others = await world.access(grant, { subjects: [TWO[3]!] });
  await world.index();
  await world.index(OTHER_LOG);
  await conceal();
  omittedAt = await world.access(grant, { subjects: [TWO[HER]!] });
  await world.index(LOG, (tags, index) => (index === omittedAt ? [] : tags));
  await world.index(OTHER_LOG);
  omitted = await world.subjectLines(TAGS);
}

async function laterLines(tags: SubjectTags): Promise<TrailLine[]> {
  const [, second] = (await world.subjectLines(tags)).filter(({ t }) => t === "day") as Day[];
  const { through } = JSON.parse(splitRecordText(second!.r).body) as { through: string };
  const all = await world.subjectLines(tags, { from: instant(Date.parse(through) + 600_000) });
  const days = positions(all, "day");
  return [...all.slice(0, days[0]), { ...second!, leaves: [] }, ...all.slice(days[2])];
}

async function conceal(): Promise<void> {
  until = instant(world.nowMs + DAY_MS);
  order = await world.seal([...hidden, others], until);
  hiding = await world.subjectLines(TAGS, { hidden });
  othersPath = await world.path(LOG, others);
  const now = world.nowMs;
  world.tick(DAY_MS);
  late = await world.subjectLines(TAGS, { hidden });
  world.nowMs = now;
  await world.command("record.unseal", { resource: RESOURCE, order, ground: world.fresh("ground") }, "regulator");
  lifted = await world.subjectLines(TAGS, { hidden });
  shown = await world.subjectLines(TAGS);
}

type Day = TrailLineOf<"day">;
type Entry = TrailLineOf<"record">;
type Sealed = TrailLineOf<"sealed">;

const positions = (all: readonly TrailLine[], t: TrailLine["t"]): number[] =>
  all.flatMap((line, i) => (line.t === t ? [i] : []));
const nth = (all: readonly TrailLine[], t: TrailLine["t"], n: number): number => positions(all, t).at(n)!;
const text = (all: readonly unknown[]): Promise<string> => Promise.resolve(sealed(all));
const without = (all: readonly TrailLine[], ...at: readonly number[]): Promise<string> =>
  text(all.filter((_, i) => !at.includes(i)));

/** One line of the file changed. */
const edited = <T extends TrailLine["t"]>(
  t: T,
  n: number,
  change: (line: TrailLineOf<T>) => object,
  all = lines,
): Promise<string> => text(all.with(nth(all, t, n), change(all[nth(all, t, n)] as TrailLineOf<T>) as TrailLine));
const header = (change: object, all = lines): Promise<string> =>
  edited("trail", 0, (line) => ({ ...line, ...change }), all);
/** Day `n` in which she has a leaf, or, `absent`, only the neighbours of her place. Those of the first log come first. */
const daysOf = (absent: boolean): number[] =>
  positions(lines, "day").flatMap((at, n) => {
    const { leaves } = lines[at] as Day;
    const own = leaves.some(({ o }) => o !== undefined);
    return own !== absent && leaves.length > 0 ? [n] : [];
  });
const onLeaves = (absent: boolean, change: (leaves: Leaf[]) => readonly object[]): Promise<string> =>
  edited("day", daysOf(absent)[0]!, (line) => ({ ...line, leaves: change(line.leaves) }));
const own = (change: (leaf: Leaf & { readonly o: NonNullable<Leaf["o"]> }) => object): Promise<string> =>
  onLeaves(false, (leaves) =>
    leaves.map((leaf) => (leaf.o === undefined ? leaf : change(leaf as Parameters<typeof change>[0]))),
  );
/** From a day to the one after it, or to the log's end. */
function dayAt(n: number): { readonly from: number; readonly length: number } {
  const from = nth(lines, "day", n);
  const length = lines.slice(from + 1).findIndex(({ t }) => t === "day" || t === "logEnd") + 1;
  return { from, length };
}
const withoutDay = (n: number): Promise<string> => text(lines.toSpliced(dayAt(n).from, dayAt(n).length));

const recordLine = (index: number, p: readonly string[]): TrailLine => {
  const { stored } = world.find(LOG, index);
  return {
    t: "record",
    r: `${stored.face}\n${stored.body}`,
    o: {},
    ...(stored.request !== undefined && { q: stored.request }),
    p: [...p],
  };
};
const withNeighbours = (): Promise<string> => onLeaves(false, (leaves) => leaves.filter(({ o }) => o === undefined));

type Row = readonly [name: string, detail: string, make: () => Promise<string>];

const ON_INDEXES: readonly Row[] = [
  ["a day left out", "INDEX_GAP", () => withoutDay(1)],
  ["the first day left out", "INDEX_GAP", () => withoutDay(0)],
  ["the last day left out", "INDEX_MISMATCH", () => withoutDay(2)],
  ["no day at all", "INDEX_GAP", () => text(lines.filter(({ t }) => t !== "day" && t !== "record"))],
  [
    "two days exchanged",
    "INDEX_GAP",
    () => {
      const [one, two] = [dayAt(1), dayAt(2)];
      const [first, second] = [one, two].map(({ from, length }) => lines.slice(from, from + length));
      return text([...lines.slice(0, one.from), ...second!, ...first!, ...lines.slice(two.from + two.length)]);
    },
  ],
  ["from a later day on, without the index before it", "INDEX_GAP", () => without(later, nth(later, "day", 0))],
  [
    "from a time on that the index before it reaches",
    "INDEX_GAP",
    () => header({ from: instant(Date.parse((later[0] as TrailLineOf<"trail">).from!) - 600_000) }, later),
  ],
  [
    "leaves of an index before the period",
    "LINE_ORDER",
    () => edited("day", 0, (line) => ({ ...line, leaves: (later[nth(later, "day", 1)] as Day).leaves }), later),
  ],
  [
    "a tree's size that is not that of the last index's proof",
    "INCLUSION_INVALID",
    () => edited("log", 0, (line) => ({ ...line, size: line.size! + 1 }), nothing),
  ],
  ["a day twice", "INDEX_GAP", () => text(lines.toSpliced(dayAt(2).from, 0, lines[dayAt(2).from]!))],
  [
    "an index of another log",
    "LOG_MISMATCH",
    () => edited("day", 0, (line) => ({ ...line, r: (lines[nth(lines, "day", -1)] as Day).r })),
  ],
  [
    "a record in place of an index",
    "TYPE_UNKNOWN",
    () => edited("day", 0, (line) => ({ ...line, r: (lines[nth(lines, "record", 0)] as Entry).r })),
  ],
  [
    "an index with another root",
    "INCLUSION_INVALID",
    () => edited("day", 0, (line) => ({ ...line, r: line.r.replace(/"root":"[^"]+"/, `"root":"${sha256Text("x")}"`) })),
  ],
  ["an index that is older than what is asked for", "TRAIL_STALE", () => text(asked)],
  ["a log without its section", "LOG_SET_INCOMPLETE", () => text(lines.slice(0, nth(lines, "logEnd", 0) + 1))],
  [
    "a log without the proof of its last index",
    "PROOF_MISSING",
    () => edited("logEnd", 0, ({ t, log }) => ({ t, log })),
  ],
  [
    "a log with another tree's size",
    "PROOF_LENGTH",
    () => edited("log", 0, (line) => ({ ...line, size: 7 * line.size! })),
  ],
  [
    "an index in a party's trail",
    "LINE_ORDER",
    async () => {
      const party = await world.trailLines("party", PARTIES.insurer.id);
      return sealed(party.toSpliced(nth(party, "log", 0) + 1, 0, lines[nth(lines, "day", 0)]!));
    },
  ],
];

const ON_LEAVES: readonly Row[] = [
  [
    "her leaf left out, and her records",
    "ABSENCE_UNPROVEN",
    () =>
      text(
        lines
          .filter(({ t }) => t !== "record")
          .map((line) =>
            line.t === "day" ? { ...line, leaves: line.leaves.filter(({ o }) => o === undefined) } : line,
          ),
      ),
  ],
  ["her leaf left out", "ABSENCE_UNPROVEN", withNeighbours],
  ["an empty index forged", "ABSENCE_UNPROVEN", () => onLeaves(false, () => [])],
  ["absence without one of the neighbours", "ABSENCE_UNPROVEN", () => onLeaves(true, (leaves) => leaves.slice(1))],
  ["absence without the other neighbour", "ABSENCE_UNPROVEN", () => onLeaves(true, (leaves) => leaves.slice(0, 1))],
  [
    "a neighbour forged",
    "INCLUSION_INVALID",
    () => onLeaves(true, (leaves) => leaves.map((leaf, i) => (i === 0 ? { ...leaf, tag: TWO[0]! } : leaf))),
  ],
  [
    "a neighbour with another state",
    "INCLUSION_INVALID",
    () => onLeaves(true, (leaves) => leaves.map((leaf, i) => (i === 0 ? { ...leaf, state: sha256Text("x") } : leaf))),
  ],
  [
    "a neighbour moved nearer",
    "INCLUSION_INVALID",
    () => onLeaves(true, (leaves) => leaves.map((leaf, i) => (i === 0 ? { ...leaf, i: leaf.i - 1 } : leaf))),
  ],
  ["neighbours exchanged", "ABSENCE_UNPROVEN", () => onLeaves(true, (leaves) => leaves.toReversed())],
  ["her leaf in another place", "ABSENCE_UNPROVEN", () => own((leaf) => ({ ...leaf, i: leaf.i ^ 1 }))],
  ["her leaf beyond the tree", "INDEX_RANGE", () => own((leaf) => ({ ...leaf, i: 64 }))],
  ["her leaf with a shorter path", "PROOF_LENGTH", () => own((leaf) => ({ ...leaf, path: leaf.path.slice(1) }))],
  ["her leaf without an opening", "STATE_OPENING", () => own(({ o: _, ...leaf }) => leaf)],
  ["her count lowered", "STATE_OPENING", () => own((leaf) => ({ ...leaf, o: { ...leaf.o, n: leaf.o.n - 1 } }))],
  ["her count nothing", "STATE_OPENING", () => own((leaf) => ({ ...leaf, o: { ...leaf.o, n: 0 } }))],
  [
    "her head opened with another salt",
    "STATE_OPENING",
    () => own((leaf) => ({ ...leaf, o: { ...leaf.o, salt: sha256Text("x") } })),
  ],
  ["bulk uses said to be in, and not shown", "ABSENCE_UNPROVEN", () => header({ bulk: true })],
  [
    "a bulk use left out",
    "TRAIL_GAP",
    () =>
      without(
        withBulk,
        withBulk.findIndex((line) => line.t === "record" && line.r.includes('"bulk"')),
      ),
  ],
];

const ON_HEADERS: readonly Row[] = [
  ["the tag of another person", "ABSENCE_UNPROVEN", () => header({ tags: [{ ...TAGS[0]!, tag: ONE[4]! }, TAGS[1]!] })],
  [
    "the tag of another quarter",
    "TRAIL_FOREIGN",
    () => header({ tags: [TAGS[0]!, { ...TAGS[1]!, tag: TAGS[0]!.tag }] }),
  ],
  ["a quarter left out at the end", "TRAIL_FOREIGN", () => header({ tags: TAGS.slice(0, 1) })],
  [
    "a quarter left out between two",
    "TAG_QUARTER",
    () => header({ tags: [TAGS[0]!, { ...TAGS[1]!, quarter: "2026Q3" }] }),
  ],
  ["quarters in the wrong order", "TAG_QUARTER", () => header({ tags: [TAGS[1]!, TAGS[0]!] })],
  ["a period that begins before the tags", "TAG_QUARTER", () => header({ from: "2025-12-01T00:00:00.000Z" })],
  [
    "a period that ends after the tags",
    "TAG_QUARTER",
    () => header({ tags: TAGS.slice(0, 1), to: "2026-04-03T00:00:00.000Z" }),
  ],
  ["a subject without tags", "TAG_QUARTER", () => edited("trail", 0, ({ tags: _, ...line }) => line)],
  [
    "tags in the trail of a party",
    "TAG_QUARTER",
    async () => {
      const party = await world.trailLines("party", PARTIES.insurer.id);
      return sealed(party.with(0, { ...(party[0] as TrailLineOf<"trail">), tags: TAGS, bulk: false }));
    },
  ],
  [
    "under another steward's name",
    "TRAIL_FOREIGN",
    () => header({ key: { kind: "subject", id: PARTIES.approver.id } }),
  ],
  [
    "under the name of a steward whom nobody knows",
    "CHAIN_MISSING",
    () => header({ key: { kind: "subject", id: "urn:uuid:0b8d4a6e-5a3e-4d6b-8f43-1f0a3b1f2c3d" } }, nothing),
  ],
];

const ON_ENTRIES: readonly Row[] = [
  [
    "a denial left out",
    "TRAIL_GAP",
    () =>
      without(
        lines,
        lines.findIndex((line) => line.t === "record" && line.r.includes('"deny"')),
      ),
  ],
  ["a permit left out", "DELIVERY_UNMATCHED", () => without(lines, nth(lines, "record", 0))],
  [
    "a use left out, and its delivery",
    "TRAIL_GAP",
    () => without(lines, nth(lines, "record", 0), nth(lines, "record", 1)),
  ],
  [
    "two records exchanged",
    "TRAIL_ORDER",
    () =>
      text(
        lines
          .with(nth(lines, "record", 0), lines[nth(lines, "record", 2)]!)
          .with(nth(lines, "record", 2), lines[nth(lines, "record", 0)]!),
      ),
  ],
  [
    "a record twice",
    "TRAIL_DUPLICATE",
    () => text(lines.toSpliced(nth(lines, "record", 1), 0, lines[nth(lines, "record", 0)]!)),
  ],
  [
    "another person's record",
    "TRAIL_FOREIGN",
    async () => sealed(lines.toSpliced(nth(lines, "record", 0), 0, recordLine(0, await world.path(LOG, 0)))),
  ],
  [
    "a record of another day",
    "TRAIL_FOREIGN",
    () => {
      const [from, to] = [nth(lines, "record", 3), nth(lines, "record", 0)];
      return text(lines.toSpliced(from, 1).toSpliced(to, 0, lines[from]!));
    },
  ],
  ["a record without its path", "PROOF_MISSING", () => edited("record", 0, ({ p: _, ...line }) => line)],
  [
    "a record with another's path",
    "INCLUSION_INVALID",
    () => edited("record", 1, (line) => ({ ...line, p: (lines[nth(lines, "record", 0)] as Entry).p })),
  ],
  [
    "a record with its link opened",
    "LINK_OPENING",
    () =>
      edited("record", 0, (line) => ({
        ...line,
        o: { "links.party": { salt: sha256Text("x"), value: { n: 0, prev: sha256Text("x") } } },
      })),
  ],
  [
    "a record that names her in place of another",
    "REQUEST_CONTENT",
    () => {
      const { stored } = world.find(LOG, 0);
      const r = `${stored.face}\n${stored.body.replace(ONE[0]!, ONE[HER]!)}`;
      const first = nth(lines, "record", 0);
      return text(lines.with(first, { t: "record", r, o: {}, q: stored.request!, p: (lines[first] as Entry).p! }));
    },
  ],
  [
    "a record outside an index",
    "LINE_ORDER",
    () => text(lines.toSpliced(nth(lines, "day", 0), 0, lines[nth(lines, "record", 0)]!)),
  ],
];

const first = (): number => nth(hiding, "sealed", 0);
const sealedEdit = (change: (line: Sealed) => object): Promise<string> => edited("sealed", 0, change, hiding);
const asSealed = (line: Entry, tags: readonly string[]): TrailLine => {
  const { face, body } = splitRecordText(line.r);
  return { t: "sealed", f: sha256Text(face), b: sha256Text(body), tags: [...tags], p: line.p! };
};
/** The order in the file replaced by another command. */
async function instead(change: (payload: Record<string, unknown>) => object): Promise<string> {
  const [command] = hiding.filter((line) => line.t === "command" && line.entry.includes("record.seal"));
  const { payload } = (command as TrailLineOf<"command">).request;
  const said = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const other = await world.signed("record.seal", { ...said, ...change(said) }, "regulator");
  return sealed(await collideChain(hiding, "openings", RESOURCE, ([each]) => [{ ...each!, request: other }]));
}

const ON_SEALED: readonly Row[] = [
  [
    "an entry called sealed without an order",
    "SEAL_UNPROVEN",
    () => text(hiding.with(nth(hiding, "record", 0), asSealed(hiding[nth(hiding, "record", 0)] as Entry, [ONE[HER]!]))),
  ],
  [
    "a sealed entry without the chain of its order",
    "SEAL_UNPROVEN",
    () => {
      const start = hiding.findIndex((line) => line.t === "chain" && line.kind === "openings");
      const length = hiding.slice(start).findIndex(({ t }) => t === "chainEnd") + 1;
      return text(hiding.toSpliced(start, length));
    },
  ],
  [
    "an order that does not name the entry",
    "SEAL_UNPROVEN",
    () => instead(({ records }) => ({ records: (records as unknown[]).slice(1) })),
  ],
  ["an order for another log", "SEAL_UNPROVEN", () => instead(() => ({ log: OTHER_LOG }))],
  ["a sealed entry of other bytes", "SEAL_UNPROVEN", () => sealedEdit((line) => ({ ...line, b: sha256Text("x") }))],
  ["a sealed entry after its order's end", "SEAL_EXPIRED", () => text(late)],
  ["a sealed entry whose order was lifted", "SEAL_EXPIRED", () => text(lifted)],
  ["a sealed entry left out", "TRAIL_GAP", () => without(hiding, first())],
  ["all sealed entries left out", "TRAIL_GAP", () => without(hiding, ...positions(hiding, "sealed"))],
  [
    "a sealed entry left out, and the count lowered",
    "STATE_OPENING",
    () => {
      const at = hiding.findLastIndex((line, i) => line.t === "day" && i < first());
      const day = hiding[at] as Day;
      const leaves = day.leaves.map((leaf) =>
        leaf.o === undefined ? leaf : { ...leaf, o: { ...leaf.o, n: leaf.o.n - 1 } },
      );
      return text(hiding.with(at, { ...day, leaves }).toSpliced(first(), 1));
    },
  ],
  ["a sealed entry twice", "TRAIL_DUPLICATE", () => text(hiding.toSpliced(first(), 0, hiding[first()]!))],
  [
    "two sealed entries exchanged",
    "TRAIL_ORDER",
    () => text(hiding.with(first(), hiding[first() + 1]!).with(first() + 1, hiding[first()]!)),
  ],
  [
    "another person's sealed entry",
    "TRAIL_FOREIGN",
    () => {
      const foreign = asSealed(recordLine(others, othersPath) as Entry, [TWO[HER]!]);
      return text(hiding.toSpliced(nth(hiding, "sealed", -1) + 1, 0, foreign));
    },
  ],
  ["a sealed entry under no tag", "TRAIL_FOREIGN", () => sealedEdit(({ tags: _, ...line }) => line)],
  ["a sealed entry under another's tag", "TRAIL_FOREIGN", () => sealedEdit((line) => ({ ...line, tags: [TWO[3]!] }))],
  [
    "a sealed entry under tags that do not rise",
    "MALFORMED",
    () => sealedEdit((line) => ({ ...line, tags: [TWO[3]!, TWO[HER]!] })),
  ],
  ["a sealed entry without its path", "PROOF_MISSING", () => sealedEdit(({ p: _, ...line }) => line)],
  [
    "a sealed entry with another's path",
    "INCLUSION_INVALID",
    () => sealedEdit((line) => ({ ...line, p: (hiding[first() + 1] as Sealed).p })),
  ],
  ["a sealed entry that opens something", "SEAL_OPENED", () => sealedEdit((line) => ({ ...line, o: {} }))],
  [
    "a sealed entry before the first index",
    "LINE_ORDER",
    () => text(hiding.toSpliced(nth(hiding, "day", 0), 0, hiding[first()]!)),
  ],
  [
    "a path in the trail of a party",
    "FIELD_UNKNOWN",
    async () => {
      const party = await world.trailLines("party", PARTIES.insurer.id);
      return sealed(party.with(nth(party, "record", 0), { ...(party[nth(party, "record", 0)] as Entry), p: [] }));
    },
  ],
  [
    "a tree's size in the trail of a party",
    "FIELD_UNKNOWN",
    async () => {
      const party = await world.trailLines("party", PARTIES.insurer.id);
      return sealed(
        party.with(nth(party, "log", 0), { ...(party[nth(party, "log", 0)] as TrailLineOf<"log">), size: 1 }),
      );
    },
  ],
];

export const ON_SUBJECTS: readonly Row[] = [
  ...ON_INDEXES,
  ...ON_LEAVES,
  ...ON_HEADERS,
  ...ON_ENTRIES,
  ...ON_SEALED,
].map(([name, detail, make]) => [`of a subject: ${name}`, detail, make]);
