/** Attacks on what is said to be erased: without a command, by another's, by nobody who may. Holds no test itself. */
import { defined, type Payload, type Receipt, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, type Opening } from "@quanji/chaincode/log";
import {
  collideChain,
  LOG,
  type Name,
  NET,
  PARTIES,
  RESOURCE,
  requestText,
  sealed,
  signReceipt,
  SmallWorld,
} from "./support.test.js";

export let world: SmallWorld;
/** The resource's trail, as the regulator has it: with what requests committed to. */
export let lines: TrailLine[];
/** Indexes of accesses: whole, erased by its requester, erased by the steward; and a delivery. */
export const at = { whole: 0, byUser: 2, bySteward: 3, delivery: 1 } as const;
/** Opening of what was erased, as somebody kept it. */
let kept: Opening;
let commands: { readonly user: FlattenedJws; readonly steward: FlattenedJws };

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareErasures = (): Promise<void> => (made ??= make());

async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource();
  const grant = await world.grant();
  await world.deliver(await world.access(grant));
  await world.access(grant);
  await world.access(grant);
  kept = world.said(LOG, at.byUser)["operator"]!;
  const fields = ["operator"] as const;
  commands = {
    user: await world.erase([{ index: at.byUser, fields: [...fields] }], "insurer"),
    steward: await world.erase([{ index: at.bySteward, fields: [...fields] }], "bureau"),
  };
  lines = await world.trailLines("resource", RESOURCE, { said: true });
}

type RecordLine = TrailLineOf<"record">;
const isOf =
  (index: number) =>
  (line: TrailLine): line is RecordLine =>
    line.t === "record" && line.r.includes(`"index":${index},`);

/** The trail with one record's line changed. */
const onRecord = (index: number, change: (line: RecordLine) => object): Promise<string> =>
  Promise.resolve(
    sealed(lines.map((line) => (isOf(index)(line) ? (defined({ ...line, ...change(line) }) as TrailLine) : line))),
  );

type Erase = Payload<"record.erase">;

/** An erasure as it was, said and signed otherwise. */
async function signed(of: FlattenedJws, by: Name, change: (payload: Erase) => object): Promise<FlattenedJws> {
  const payload = JSON.parse(Buffer.from(of.payload, "base64url").toString()) as Erase;
  return world.signed("record.erase", { ...payload, ...change(payload) }, by);
}

/** The trail with another command in place of the requester's erasure. */
const instead = async (by: Name, change: (payload: Erase) => object): Promise<string> => {
  const other = await signed(commands.user, by, change);
  const chain = await collideChain(lines, "openings", RESOURCE, ([first, ...rest]) => [
    { ...first!, request: other },
    ...rest,
  ]);
  return sealed(chain);
};

const idAt = (index: number): string => (JSON.parse(world.find(LOG, index).stored.body) as { id: string }).id;

export const ON_ERASED: readonly (readonly [name: string, detail: string, make: () => Promise<string>])[] = [
  [
    "47 a field said to be erased without a command",
    "ERASURE_UNPROVEN",
    () => onRecord(at.whole, ({ o }) => ({ e: ["operator"], o: { "links.resource": o["links.resource"] } })),
  ],
  [
    "47 another field than the command names",
    "ERASURE_UNPROVEN",
    () => onRecord(at.byUser, () => ({ e: ["operator", "query"] })),
  ],
  [
    "47 an erasure without the chain of its command",
    "ERASURE_UNPROVEN",
    () => {
      const start = lines.findIndex((line) => line.t === "chain" && line.kind === "openings");
      const length = lines.slice(start).findIndex((line) => line.t === "chainEnd") + 1;
      return Promise.resolve(sealed(lines.toSpliced(start, length)));
    },
  ],
  [
    "47 an erasure of another record at that index",
    "ERASURE_UNPROVEN",
    () => instead("insurer", () => ({ records: [{ id: idAt(at.whole), index: at.byUser, fields: ["operator"] }] })),
  ],
  [
    "47 an erasure at another index",
    "ERASURE_UNPROVEN",
    () => instead("insurer", () => ({ records: [{ id: idAt(at.byUser), index: at.whole, fields: ["operator"] }] })),
  ],
  ["47 a delivery said to lack a field", "ERASURE_UNPROVEN", () => onRecord(at.delivery, () => ({ e: ["operator"] }))],
  ["an erasure by a party that may not", "ROLE_REQUIRED", () => instead("operator", () => ({}))],
  ["an erasure signed for another network", "NETWORK_MISMATCH", () => instead("insurer", () => ({ net: `${NET}/x` }))],
  ["an erasure of another resource's record", "CHAIN_KEY", () => instead("insurer", () => ({ resource: "res/other" }))],
  [
    "a field erased twice",
    "COMMAND_REFUSED",
    () =>
      instead("bureau", () => ({ records: [{ id: idAt(at.bySteward), index: at.bySteward, fields: ["operator"] }] })),
  ],
  [
    "an erasure that is left out",
    "TRAIL_TRUNCATED",
    () => {
      const last = lines.findLastIndex((line) => line.t === "command");
      return Promise.resolve(sealed(lines.toSpliced(last, 1)));
    },
  ],
  [
    "what was erased, opened",
    "ERASURE_UNDONE",
    () => onRecord(at.byUser, ({ o }) => ({ e: undefined, o: { ...o, operator: kept } })),
  ],
  [
    "what was erased, opened and said to be erased",
    "ERASURE_UNDONE",
    () => onRecord(at.byUser, ({ o }) => ({ o: { ...o, operator: kept } })),
  ],
  ["the link said to be erased", "MALFORMED", () => onRecord(at.byUser, () => ({ e: ["links.resource"], o: {} }))],
  ["no link, as if it were erased", "LINK_OPENING", () => onRecord(at.byUser, () => ({ o: {} }))],
  [
    "45 another record's opening in a trail",
    "COMMITMENT_MISMATCH",
    () => onRecord(at.whole, ({ o }) => ({ o: { ...o, operator: kept } })),
  ],
  [
    "45 an opening of what nobody committed to",
    "COMMITMENT_MISMATCH",
    () => onRecord(at.whole, ({ o }) => ({ o: { ...o, purpose: kept } })),
  ],
  [
    "45 an opening beside a delivery",
    "COMMITMENT_MISMATCH",
    () => onRecord(at.delivery, ({ o }) => ({ o: { ...o, operator: kept } })),
  ],
];

type Said = NonNullable<Receipt["erased"]>[number];

/** A receipt of the access that its requester erased something of. */
export const receiptOf = async (
  change: (said: Said, payload: Receipt) => object | Promise<object> = () => ({}),
  index: number = at.byUser,
): Promise<string> => {
  const said = await world.erasedBy(commands.user, "operator", "insurer");
  const payload = { ...(await world.receiptPayload(LOG, index)), erased: [said] };
  const limits = { maxBytes: 1 << 18, maxDepth: 4 };
  return canonical(await signReceipt({ ...payload, ...(await change(said, payload)) }), limits);
};

/** With another command in place of the one that erased the field. */
const commandInstead = (make: () => Promise<FlattenedJws>, by: Name) => async (said: Said) => {
  const request = await make();
  const entry = JSON.parse(said.entry) as object;
  const named = canonical({ ...entry, request: requestText(request) });
  return { erased: [{ ...said, entry: named, request, key: PARTIES[by].key.jwk }] };
};

export const ON_ERASED_RECEIPTS: readonly (readonly [name: string, detail: string, make: () => Promise<string>])[] = [
  [
    "47 another record's erasure",
    "ERASURE_UNPROVEN",
    () => receiptOf((said) => ({ erased: [said], openings: {} }), at.whole),
  ],
  [
    "47 another field than the command names",
    "ERASURE_UNPROVEN",
    () => receiptOf((said) => ({ erased: [{ ...said, field: "query" }] })),
  ],
  [
    "what was erased, opened",
    "ERASURE_UNDONE",
    () => receiptOf((_, { openings }) => ({ openings: { ...openings, operator: kept } })),
  ],
  [
    "an erasure by a party that may not",
    "ROLE_REQUIRED",
    () => receiptOf(commandInstead(() => signed(commands.user, "operator", () => ({})), "operator")),
  ],
  [
    "a command that erases nothing",
    "ERASURE_UNPROVEN",
    () =>
      receiptOf(async (said) => {
        const request = await world.signed("resource.resume", { net: NET, resource: RESOURCE }, "bureau");
        const entry = { ...(JSON.parse(said.entry) as object), request: requestText(request), verb: "resource.resume" };
        return { erased: [{ ...said, entry: canonical(entry), request, key: PARTIES.bureau.key.jwk }] };
      }),
  ],
  [
    "an erasure for another network",
    "NETWORK_MISMATCH",
    () => receiptOf(commandInstead(() => signed(commands.user, "insurer", () => ({ net: `${NET}/x` })), "insurer")),
  ],
  [
    "an erasure for another gateway",
    "URL_MISMATCH",
    () =>
      receiptOf(
        commandInstead(() => {
          const payload = JSON.parse(Buffer.from(commands.user.payload, "base64url").toString()) as Erase;
          return world.signed("record.erase", payload, "insurer", {
            url: "https://other.test/v1/commands/record.erase",
          });
        }, "insurer"),
      ),
  ],
  [
    "an erasure with another key beside it",
    "KEY_THUMBPRINT",
    () => receiptOf((said) => ({ erased: [{ ...said, key: PARTIES.bureau.key.jwk }] })),
  ],
  [
    "an erasure that nobody signed",
    "SIGNATURE_INVALID",
    () => receiptOf((said) => ({ erased: [{ ...said, request: { ...said.request, signature: "A".repeat(86) } }] })),
  ],
  [
    "an erasure under another's entry",
    "REQUEST_MISMATCH",
    () => receiptOf((said) => ({ erased: [{ ...said, request: commands.steward }] })),
  ],
];
