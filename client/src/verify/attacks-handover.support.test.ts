/** Attacks on what is said of deliveries: acceptances that a gateway and the regulator make up. Holds no test itself. */
import type { Payload, TrailLine, TrailLineOf } from "@quanji/chaincode/domain";
import { instant } from "@quanji/chaincode/domain";
import { collude, type Forged, LOG, NET, OTHER_LOG, PARTIES, requestText, sealed, SmallWorld } from "./support.test.js";

export let world: SmallWorld;
export let grant: string;
/** The grant's trail. */
export let lines: TrailLine[];
/** Records in the log, and in the trail. */
export const at = { accepted: 4, unknown: 6, last: 7 } as const;

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareHandovers = (): Promise<void> => (made ??= make());

/** 0 permit, 1 its delivery, 2 permit, 3 its delivery, 4 acceptance of 1, 5 permit, 6 delivery unknown, 7 acceptance of 3. */
async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource({ logs: [LOG, OTHER_LOG] });
  grant = await world.grant({}, { depth: 1 });
  await world.deliver(await world.access(grant));
  await world.deliver(await world.access(grant));
  await world.accept(1);
  await world.deliver(await world.access(grant), "unknown");
  await world.accept(3);
  lines = await world.trailLines("grant", grant);
  world.tick();
  const { id, key } = PARTIES.insurer;
  const since = instant(world.nowMs);
  await world.command("party.compromiseKey", { party: id, thumbprint: key.print, since }, "insurer");
}

type Accept = Omit<Payload<"access.accept">, "net">;

/** The acceptance at record 7, said and signed otherwise, by its own requester or another party. */
const said = async (
  record: Forged,
  change: Partial<Accept> & { readonly net?: string },
  by: "insurer" | "operator" = "insurer",
): Promise<void> => {
  const { access, digest, rows } = record.body as unknown as { access: number; digest: string; rows: number };
  const { net = NET, ...rest } = change;
  const payload = { net, log: LOG, record: access, digest, rows, ...rest };
  record.q = await world.signed("access.accept", payload, by);
  const { record: named = access, ...same } = rest;
  delete same.log;
  Object.assign(record.body, { ...same, access: named, request: requestText(record.q) });
  if (by === "insurer") return;
  record.body["requester"] = `${PARTIES[by].id}#${PARTIES[by].key.print}`;
  record.face["unit"] = PARTIES[by].id;
};

type Change = readonly [name: string, detail: string, change: (record: Forged) => unknown];

/** What happens to the last record, an acceptance. */
const CHANGES: readonly Change[] = [
  ["by another party", "ACCEPTANCE_MISMATCH", (record) => said(record, {}, "operator")],
  ["of another digest, signed so", "ACCEPTANCE_MISMATCH", (record) => said(record, { digest: "A".repeat(43) })],
  ["of more rows, signed so", "ACCEPTANCE_MISMATCH", (record) => said(record, { rows: 2 })],
  ["of another access, signed so", "ACCEPTANCE_MISMATCH", (record) => said(record, { record: 0 })],
  ["of another digest than was signed", "REQUEST_CONTENT", ({ body }) => (body["digest"] = "A".repeat(43))],
  ["of more rows than were signed", "REQUEST_CONTENT", ({ body }) => (body["rows"] = 2)],
  ["of another access than was signed", "REQUEST_CONTENT", ({ body }) => (body["access"] = 0)],
  [
    "under another version of the resource",
    "ACCEPTANCE_MISMATCH",
    ({ body }) => (body["resource"] = "res/weather.daily@11"),
  ],
  ["for another purpose", "ACCEPTANCE_MISMATCH", ({ face }) => (face["purpose"] = "credit.review")],
  ["that counts twice", "ACCEPTANCE_MISMATCH", ({ face }) => (face["count"] = 2)],
  [
    "of a delivery that is accepted",
    "ACCEPTANCE_UNMATCHED",
    async (record) => {
      record.body["delivery"] = 1;
      await said(record, { record: 0 });
    },
  ],
  ["of a delivery that never was", "ACCEPTANCE_UNMATCHED", ({ body }) => (body["delivery"] = at.unknown)],
  ["of an access", "ACCEPTANCE_UNMATCHED", ({ body }) => (body["delivery"] = 5)],
  ["before its delivery", "RECORD_CONTRADICTS", ({ body }) => (body["delivery"] = 8)],
  ["signed for another log", "LOG_MISMATCH", (record) => said(record, { log: OTHER_LOG })],
  ["signed for another network", "NETWORK_MISMATCH", (record) => said(record, { net: "quanji.test/town" })],
  ["without its signature", "REQUEST_MISSING", (record) => delete record.q],
  [
    "by a signature of nobody",
    "SIGNATURE_INVALID",
    (record) => (record.q = { ...record.q!, signature: "A".repeat(86) }),
  ],
  [
    "by a request to void a number",
    "TYP_MISMATCH",
    async (record) => {
      record.q = await world.signed("access.void", { net: NET, log: LOG, seq: 9 }, "insurer");
      record.body["request"] = requestText(record.q);
    },
  ],
  ["by a key that the party never had", "KEY_PARTY", ({ body }) => (body["requester"] = nobody())],
  ["upon keys that the party never had", "BASIS_UNKNOWN", ({ body }) => (body.basis["party"] = 9)],
  [
    "long after it was signed",
    "TIME_BRACKET",
    ({ body, face }) => {
      body["time"] = instant(Date.parse(String(body["time"])) + 130_000);
      face["hour"] = `${String(body["time"]).slice(0, 13)}Z`;
    },
  ],
];

const nobody = (): string => `${PARTIES.insurer.id}#${"A".repeat(43)}`;

const LAST = at.last;
const changed = (change: Change[2]) => (): Promise<TrailLine[]> =>
  collude(lines, async (record, i) => {
    if (i === LAST) await change(record);
    return true;
  });

export const ON_HANDOVERS: readonly (readonly [name: string, detail: string, make: () => Promise<string>])[] = [
  ...CHANGES.map(
    ([name, detail, change]) => [`an acceptance ${name}`, detail, async () => sealed(await changed(change)())] as const,
  ),
  [
    "an acceptance twice",
    "ACCEPTANCE_UNMATCHED",
    async () => {
      const last = lines.findLastIndex((line) => line.t === "record");
      const twice = lines.toSpliced(last, 0, lines[last]!);
      return sealed(await collude(twice, (record, i) => (record.face["index"] = i) >= 0));
    },
  ],
  [
    "an acceptance whose delivery is left out",
    "ACCEPTANCE_UNMATCHED",
    async () => sealed(await collude(lines, (_record, i) => i !== 3)),
  ],
  [
    "an acceptance by a key that is compromised",
    "KEY_REVOKED",
    async () => {
      const now = await world.trailLines("grant", grant);
      return sealed(
        await collude(now, (record, i) => {
          if (i === LAST) record.body.basis["party"] = 3;
          return true;
        }),
      );
    },
  ],
  [
    "an acceptance that is left out",
    "TRAIL_GAP",
    () => {
      const first = lines.findIndex((line) => line.t === "record" && isAcceptance(line));
      return Promise.resolve(sealed(lines.toSpliced(first, 1)));
    },
  ],
];

const isAcceptance = ({ r }: TrailLineOf<"record">): boolean => r.includes('"type":"acceptance"');
