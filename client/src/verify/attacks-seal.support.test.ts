/** Attacks on what is sealed: without an order, after its end, by another's order, or opened by halves. Holds no test itself. */
import { instant, type Payload, splitRecordText, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { sha256Text, type FlattenedJws } from "@quanji/chaincode/log";
import { collideChain, type Name, NET, PARTIES, RESOURCE, sealed, SmallWorld } from "./support.test.js";

export let world: SmallWorld;
/** The resource's trail as its steward has it: two entries sealed, of one access and its delivery. */
export let lines: TrailLine[];
/** The grant's trail as its grantor has it. */
export let grantLines: TrailLine[];
export let grant: string;
/** Indexes of the records that are sealed. */
export const HIDDEN = [2, 3] as const;
export let order: string;
export let until: string;
/** The same with everything shown. */
let shown: TrailLine[];
/** The sealed trail as it would be made after the order's end, and after it was lifted. */
let late: TrailLine[];
let lifted: TrailLine[];

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareSeals = (): Promise<void> => (made ??= make());

/** 0 permit, 1 its delivery, 2 permit, 3 its delivery, 4 permit, 5 its delivery. */
async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource();
  grant = await world.grant({ quota: { unit: "call", n: 9, per: "window" } });
  for (let i = 0; i < 3; i++) await world.deliver(await world.access(grant));
  until = instant(world.nowMs + 86_400_000);
  order = await world.seal(HIDDEN, until);
  shown = await trailOf("resource", RESOURCE);
  lines = hide(shown);
  grantLines = hide(await trailOf("grant", grant));
  const now = world.nowMs;
  world.tick(86_400_000);
  late = hide(await trailOf("resource", RESOURCE));
  world.nowMs = now;
  await world.command("record.unseal", { resource: RESOURCE, order, ground: world.fresh("ground") }, "regulator");
  lifted = hide(await trailOf("resource", RESOURCE));
}

const trailOf = (kind: "resource" | "party" | "grant", id: string): Promise<TrailLine[]> =>
  world.trailLines(kind, id, { openings: true });

const isHidden = (line: TrailLine): line is TrailLineOf<"record"> =>
  line.t === "record" && HIDDEN.some((index) => line.r.includes(`"index":${index},`));

/** With two hashes in place of what is sealed. */
export const hide = (all: readonly TrailLine[]): TrailLine[] =>
  all.map((line) => {
    if (!isHidden(line)) return line;
    const { face, body } = splitRecordText(line.r);
    return { t: "sealed", f: sha256Text(face), b: sha256Text(body) };
  });

export const openTrail = (): TrailLine[] => shown;

type SealPayload = Payload<"record.seal">;

/** The sealed trail with another command in place of the order. */
async function instead(change: (payload: SealPayload) => object, by: Name = "regulator"): Promise<string> {
  const chain = lines.flatMap((line) =>
    line.t === "command" && line.entry.includes("record.seal") ? [line.request] : [],
  );
  const payload = payloadOf(chain[0]!);
  const other = await world.signed("record.seal", { ...payload, ...change(payload) }, by);
  return sealed(await collideChain(lines, "openings", RESOURCE, ([first]) => [{ ...first!, request: other }]));
}

const payloadOf = ({ payload }: FlattenedJws): SealPayload =>
  JSON.parse(Buffer.from(payload, "base64url").toString()) as SealPayload;

const first = (): number => lines.findIndex(({ t }) => t === "sealed");
const edited = (change: (line: TrailLineOf<"sealed">) => object): Promise<string> =>
  Promise.resolve(
    sealed(lines.map((line, i) => (i === first() ? { ...line, ...change(line as TrailLineOf<"sealed">) } : line))),
  );

export const ON_SEALS: readonly (readonly [name: string, detail: string, make: () => Promise<string>])[] = [
  [
    "an entry sealed without an order",
    "SEAL_UNPROVEN",
    () => {
      const at = lines.findIndex((line) => line.t === "record" && line.r.includes('"index":4,'));
      const { face, body } = splitRecordText((lines[at] as TrailLineOf<"record">).r);
      return Promise.resolve(sealed(lines.with(at, { t: "sealed", f: sha256Text(face), b: sha256Text(body) })));
    },
  ],
  [
    "a sealed entry without the chain of its order",
    "SEAL_UNPROVEN",
    () => {
      const start = lines.findIndex((line) => line.t === "chain" && line.kind === "openings");
      const length = lines.slice(start).findIndex((line) => line.t === "chainEnd") + 1;
      return Promise.resolve(sealed(lines.toSpliced(start, length)));
    },
  ],
  ["a sealed entry of other bytes", "SEAL_UNPROVEN", () => edited(() => ({ b: "A".repeat(43) }))],
  ["an order for another record", "SEAL_UNPROVEN", () => instead(({ records }) => ({ records: records.slice(1) }))],
  ["an order for another log", "SEAL_UNPROVEN", () => instead(() => ({ log: `${NET}/gx/0` }))],
  [
    "a sealed entry in a party's own trail",
    "SEAL_UNPROVEN",
    async () => sealed(hide(await trailOf("party", PARTIES.insurer.id))),
  ],
  ["a sealed entry after its order's end", "SEAL_EXPIRED", () => Promise.resolve(sealed(late))],
  ["a sealed entry whose order was lifted", "SEAL_EXPIRED", () => Promise.resolve(sealed(lifted))],
  ["a sealed entry that opens something", "SEAL_OPENED", () => edited(() => ({ o: {} }))],
  ["an order by another than the regulator", "ROLE_REQUIRED", () => instead(() => ({}), "bureau")],
  [
    "an order for longer than orders may be",
    "COMMAND_REFUSED",
    () => instead(() => ({ until: instant(world.nowMs + 800 * 86_400_000) })),
  ],
  [
    "an order that ends before it begins",
    "COMMAND_REFUSED",
    () => instead(() => ({ until: instant(world.nowMs - 86_400_000) })),
  ],
  ["a sealed entry left out", "TRAIL_GAP", () => Promise.resolve(sealed(lines.toSpliced(first(), 1)))],
  ["a sealed entry twice", "TRAIL_ORDER", () => Promise.resolve(sealed(lines.toSpliced(first(), 0, lines[first()]!)))],
  [
    "two sealed entries exchanged",
    "TRAIL_ORDER",
    () => Promise.resolve(sealed(lines.with(first(), lines[first() + 1]!).with(first() + 1, lines[first()]!))),
  ],
  [
    "a record shown that is not the one that was sealed",
    "SEAL_MISMATCH",
    async () => {
      const text = await instead(({ records }) => ({
        records: [{ ...records[0]!, leaf: records[0]!.leaf }, records[1]!, { index: 4, leaf: "A".repeat(43) }],
      }));
      return text;
    },
  ],
  ["a sealed entry outside a log", "LINE_ORDER", () => Promise.resolve(sealed(lines.toSpliced(1, 0, lines[first()]!)))],
];
