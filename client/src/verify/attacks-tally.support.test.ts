/** Attacks on a source's counts: tallies that a source, a gateway and the regulator make up. Holds no test itself. */
import type { Payload, TrailLine } from "@quanji/chaincode/domain";
import {
  collude,
  type Forged,
  LOG,
  NET,
  OTHER_LOG,
  PARTIES,
  RESOURCE,
  requestText,
  sealed,
  signer,
  SmallWorld,
  SOURCE,
} from "./support.test.js";

const FOREIGN = signer("source of the insurer");

export let world: SmallWorld;
/** The resource's trail. */
export let lines: TrailLine[];

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareTallies = (): Promise<void> => (made ??= make());

/**
 * 0 permit, 1 its delivery, 2 permit, 3 denial, 4 permit that failed, 5 its failure, 6 tally of [0, 5): between one and three;
 * 7 the delivery of 2, late; 8 permit, 9 its delivery, 10 tally of [5, 9).
 */
async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource({ logs: [LOG, OTHER_LOG] });
  await world.addTallyKey("bureau", SOURCE);
  await world.addTallyKey("insurer", FOREIGN);
  const grant = await world.grant({}, { depth: 1 });
  await world.deliver(await world.access(grant));
  const late = await world.access(grant);
  await world.access(grant, { purpose: "marketing" });
  await world.deliver(await world.access(grant), "failed");
  await world.tally({ from: 0, to: 5, served: 2 }, SOURCE);
  await world.deliver(late);
  await world.deliver(await world.access(grant));
  await world.tally({ from: 5, to: 9, served: 1 }, SOURCE);
  lines = await world.trailLines("resource", RESOURCE);
}

const FIRST = 6;
const LAST = 10;

type Sign = Omit<Payload<"tally.sign">, "net">;

/** The tally at record `at`, said and signed otherwise. */
const said = async (
  record: Forged,
  change: Partial<Sign> & { readonly net?: string },
  by: "bureau" | "insurer" = "bureau",
  key = SOURCE,
): Promise<void> => {
  const { from, to, served } = record.body as unknown as Sign;
  const { net = NET, ...rest } = change;
  const payload = { net, log: LOG, resource: RESOURCE, from, to, served, ...rest };
  record.q = await world.signed("tally.sign", payload, by, { key });
  const { log: _log, resource: _resource, ...same } = rest;
  Object.assign(record.body, { ...same, request: requestText(record.q) });
  record.body["requester"] = `${PARTIES[by].id}#${key.print}`;
  record.face["unit"] = PARTIES[by].id;
};

type Change = readonly [name: string, detail: string, at: number, change: (record: Forged) => unknown];

const CHANGES: readonly Change[] = [
  ["52 more than were permitted", "TALLY_MISMATCH", FIRST, (record) => said(record, { served: 4 })],
  ["52 fewer than were delivered by then", "TALLY_MISMATCH", LAST, (record) => said(record, { served: 0 })],
  ["52 fewer than were delivered in the end", "TALLY_MISMATCH", FIRST, (record) => said(record, { served: 1 })],
  ["52 of a window that overlaps the last one", "TALLY_MISMATCH", LAST, (record) => said(record, { from: 4 })],
  ["52 of the same window again", "TALLY_MISMATCH", LAST, (record) => said(record, { from: 0, to: 5, served: 2 })],
  ["of another count than was signed", "REQUEST_CONTENT", LAST, ({ body }) => (body["served"] = 2)],
  ["of another window than was signed", "REQUEST_CONTENT", LAST, ({ body }) => (body["from"] = 6)],
  ["of another resource than was signed", "REQUEST_CONTENT", LAST, (record) => said(record, { resource: "res/other" })],
  ["of records after it", "RECORD_CONTRADICTS", LAST, (record) => said(record, { to: 11 })],
  ["of an empty window", "RECORD_CONTRADICTS", LAST, (record) => said(record, { from: 9, served: 0 })],
  ["that serves more than its window holds", "RECORD_CONTRADICTS", LAST, (record) => said(record, { served: 5 })],
  ["signed for another gateway's log", "LOG_MISMATCH", LAST, (record) => said(record, { log: `${NET}/gx/0` })],
  ["signed for another network", "NETWORK_MISMATCH", LAST, (record) => said(record, { net: "quanji.test/town" })],
  [
    "by a foreign party's acting key",
    "KEY_REVOKED",
    LAST,
    (record) => said(record, {}, "insurer", PARTIES.insurer.key),
  ],
  ["by the steward's acting key", "KEY_REVOKED", LAST, (record) => said(record, {}, "bureau", PARTIES.bureau.key)],
  ["by a foreign party's source", "ROLE_REQUIRED", LAST, (record) => said(record, {}, "insurer", FOREIGN)],
  ["by a key that its party never had", "KEY_PARTY", LAST, (record) => said(record, {}, "insurer")],
  ["upon a resource that was not yet", "BASIS_UNKNOWN", LAST, ({ body }) => (body.basis["resource"] = 9)],
  ["without its signature", "REQUEST_MISSING", LAST, (record) => delete record.q],
  [
    "by a signature of nobody",
    "SIGNATURE_INVALID",
    LAST,
    (record) => (record.q = { ...record.q!, signature: "A".repeat(86) }),
  ],
];

export const ON_TALLIES: readonly (readonly [name: string, detail: string, make: () => Promise<string>])[] = [
  ...CHANGES.map(
    ([name, detail, at, change]) =>
      [
        `a tally ${name}`,
        detail,
        async () =>
          sealed(
            await collude(lines, async (record, i) => {
              if (i === at) await change(record);
              return true;
            }),
          ),
      ] as const,
  ),
  [
    "a permit left out, so that the tally counts more",
    "DELIVERY_UNMATCHED",
    async () => sealed(await collude(lines, (_record, i) => i !== 8)),
  ],
  [
    "a permit and its delivery left out, so that the tally counts more",
    "TALLY_MISMATCH",
    async () => sealed(await collude(lines, (_record, i) => i !== 8 && i !== 9)),
  ],
  [
    "a tally in the trail of its steward",
    "TRAIL_FOREIGN",
    async () => {
      const own = await world.trailLines("party", PARTIES.bureau.id);
      const tally = lines.filter((line) => line.t === "record").at(-1)!;
      const end = own.findIndex((line) => line.t === "logEnd");
      return sealed(own.toSpliced(end, 0, tally));
    },
  ],
];
