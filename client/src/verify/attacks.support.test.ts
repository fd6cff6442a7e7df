/**
 * Every attack on evidence as a file that anybody can verify: the one registry of named mutations and the finer code that
 * each must be refused with. Mocha's tests run the same tables; `npm run test:attacks` and the second implementation run
 * this. Holds no test itself.
 */
import type { Trust } from "@quanji/chaincode/domain";
import { canonical, type HashText, sha256Text } from "@quanji/chaincode/log";
import * as anchors from "./attacks-anchor.support.test.js";
import { BY_COLLUSION } from "./attacks-collusion.support.test.js";
import * as ethereum from "./attacks-ethereum.support.test.js";
import * as erasures from "./attacks-erasure.support.test.js";
import * as seals from "./attacks-seal.support.test.js";
import { ON_RECEIPT_FILES, ON_TRAIL_FILES } from "./attacks-files.support.test.js";
import * as handovers from "./attacks-handover.support.test.js";
import { ON_LINES } from "./attacks-lines.support.test.js";
import { ON_ORDER } from "./attacks-order.support.test.js";
import * as receipts from "./attacks-receipt.support.test.js";
import * as subjects from "./attacks-subject.support.test.js";
import * as tallies from "./attacks-tally.support.test.js";
import * as trusts from "./attacks-trust.support.test.js";
import { type Level, type OpenedTrust, openTrust, type Verdict, verifyReceipt, verifyTrail } from "./index.js";
import { LOG, PARTIES, RESOURCE, sealed, signReceipt, trustFile } from "./support.test.js";
import * as trails from "./tampering.support.test.js";
import { refusalOf } from "./verdict.js";

/** What a verifier is handed. */
export interface Exhibit {
  readonly kind: "receipt" | "trail" | "trust";
  /** Text of the file; for `trust`, nothing but the trust file is looked at. */
  readonly evidence: string;
  readonly trust: string;
  /** Ms since 1970. */
  readonly now: number;
  /** Digest that the user pinned. */
  readonly pinned?: HashText;
  /** Trust file in use until now. */
  readonly previous?: string;
  /** Level that is asked for; absent: the trust file's. */
  readonly level?: Level;
}

export interface Attack {
  readonly name: string;
  readonly on: Exhibit["kind"];
  /** Finer code. */
  readonly expected: string;
  readonly exhibit: () => Promise<Exhibit>;
}

/** Makes the evidence that is attacked. */
export async function prepareAttacks(): Promise<void> {
  await Promise.all([
    trails.prepare(),
    receipts.prepareReceipts(),
    trusts.prepareWitnessed(),
    handovers.prepareHandovers(),
    tallies.prepareTallies(),
    erasures.prepareErasures(),
    ethereum.prepareEthereum(),
    seals.prepareSeals(),
    subjects.prepareSubjects(),
    anchors.prepareAnchored(),
  ]);
}

const TEXT = { maxBytes: 1 << 18, maxDepth: 4 };

const trailExhibit = (evidence: string): Exhibit => ({
  kind: "trail",
  evidence,
  trust: trustFile(trails.world.trustPayload()),
  now: trails.world.nowMs,
});
const receiptExhibit = (evidence: string): Exhibit => ({
  kind: "receipt",
  evidence,
  trust: trustFile(receipts.world.trustPayload()),
  now: receipts.world.nowMs,
});
const trustExhibit = (trust: string, more: Partial<Exhibit> = {}): Exhibit => ({
  kind: "trust",
  evidence: "",
  trust,
  now: trusts.NOW,
  ...more,
});

const onTrails: readonly Attack[] = [...ON_LINES, ...ON_ORDER, ...BY_COLLUSION].map(([name, refusal, make]) => ({
  name,
  on: "trail",
  expected: refusal.split(" · ")[1] ?? refusal,
  exhibit: async () => trailExhibit(sealed(await make())),
}));

const onTrailFiles: readonly Attack[] = ON_TRAIL_FILES.map(([name, expected, file]) => ({
  name,
  on: "trail",
  expected,
  exhibit: async () => trailExhibit(await file()),
}));

const handoverExhibit = (evidence: string): Exhibit => ({
  kind: "trail",
  evidence,
  trust: trustFile(handovers.world.trustPayload()),
  now: handovers.world.nowMs,
});
const onHandovers: readonly Attack[] = handovers.ON_HANDOVERS.map(([name, expected, make]) => ({
  name,
  on: "trail",
  expected,
  exhibit: async () => handoverExhibit(await make()),
}));

const tallyExhibit = (evidence: string): Exhibit => ({
  kind: "trail",
  evidence,
  trust: trustFile(tallies.world.trustPayload()),
  now: tallies.world.nowMs,
});
const onTallies: readonly Attack[] = tallies.ON_TALLIES.map(([name, expected, make]) => ({
  name,
  on: "trail",
  expected,
  exhibit: async () => tallyExhibit(await make()),
}));

const erasureExhibit = (evidence: string, kind: "trail" | "receipt" = "trail"): Exhibit => ({
  kind,
  evidence,
  trust: trustFile(erasures.world.trustPayload()),
  now: erasures.world.nowMs,
});
const onErased: readonly Attack[] = [
  ...erasures.ON_ERASED.map((row) => ({ on: "trail" as const, row })),
  ...erasures.ON_ERASED_RECEIPTS.map((row) => ({ on: "receipt" as const, row })),
].map(({ on, row: [name, expected, make] }) => ({
  name,
  on,
  expected,
  exhibit: async () => erasureExhibit(await make(), on),
}));

const ethereumExhibit = (evidence: string, kind: "trail" | "receipt" = "trail"): Exhibit => ({
  kind,
  evidence,
  trust: trustFile(ethereum.world.trustPayload()),
  now: ethereum.world.nowMs,
});
const onEthereum: readonly Attack[] = [
  ...ethereum.ON_ETHEREUM.map((row) => ({ on: "trail" as const, row })),
  ...ethereum.ON_ETHEREUM_RECEIPTS.map((row) => ({ on: "receipt" as const, row })),
].map(({ on, row: [name, expected, make] }) => ({
  name,
  on,
  expected,
  exhibit: async () => ethereumExhibit(await make(), on),
}));

const sealExhibit = (evidence: string): Exhibit => ({
  kind: "trail",
  evidence,
  trust: trustFile(seals.world.trustPayload()),
  now: seals.world.nowMs + 2 * 86_400_000,
});
const onSeals: readonly Attack[] = seals.ON_SEALS.map(([name, expected, make]) => ({
  name,
  on: "trail",
  expected,
  exhibit: async () => sealExhibit(await make()),
}));

const subjectExhibit = (evidence: string): Exhibit => ({
  kind: "trail",
  evidence,
  trust: trustFile(subjects.world.trustPayload()),
  now: subjects.world.nowMs + 10 * 86_400_000,
});
const onSubjects: readonly Attack[] = subjects.ON_SUBJECTS.map(([name, expected, make]) => ({
  name,
  on: "trail",
  expected,
  exhibit: async () => subjectExhibit(await make()),
}));
type Anchors = typeof anchors.ON_ANCHORS;
/** The block of what is attacked is pinned, so that nothing but the attack is wrong. */
const onAnchors = (rows: Anchors, on: "receipt" | "trail", level?: Level): readonly Attack[] =>
  rows.map(([name, expected, make, change]) => ({
    name: level === undefined ? name : `${name}, where ${level} is asked for`,
    on,
    expected,
    exhibit: async () => {
      const anchored = await make();
      const payload = anchors.trustPayload(anchored);
      return anchoredExhibit(on, anchored, { ...payload, ...change?.(payload) }, level);
    },
  }));

async function anchoredExhibit(
  on: "receipt" | "trail",
  anchored: unknown,
  trust: Trust,
  level?: Level,
): Promise<Exhibit> {
  return {
    kind: on,
    evidence: on === "receipt" ? anchors.fileWith(anchored) : await anchors.trailWith(anchored),
    trust: trustFile(trust),
    now: anchors.world.nowMs,
    ...(level !== undefined && { level }),
  };
}

/** Nothing shown of an outside chain, and `anchored` asked for. */
const notAnchored = (on: "receipt" | "trail"): Attack => ({
  name: "own: no anchor, where anchored is asked for",
  on,
  expected: "ANCHOR_MISSING",
  exhibit: async () => anchoredExhibit(on, undefined, anchors.trustPayload(await anchors.anchoredAt(8)), "anchored"),
});

const onReceipts: readonly Attack[] = receipts.ON_RECEIPTS.map(([name, expected, edit]) => ({
  name,
  on: "receipt",
  expected,
  exhibit: async () => {
    const payload = await receipts.world.receiptPayload(LOG, receipts.at.permit);
    return receiptExhibit(canonical(await signReceipt({ ...payload, ...(await edit(payload)) }), TEXT));
  },
}));

const onReceiptFiles: readonly Attack[] = ON_RECEIPT_FILES.map(([name, expected, file]) => ({
  name,
  on: "receipt",
  expected,
  exhibit: async () => receiptExhibit(await file()),
}));

const onWitnessed: readonly Attack[] = trusts.ON_WITNESSED.map((item) => ({
  name: item.name,
  on: "receipt",
  expected: item.detail,
  exhibit: async () => {
    const { world, TWO_OF_THREE: policy, trustWith } = trusts;
    const trust = trustWith({ policy, ...item.trust?.(world.trustPayload({ policy })) });
    return { kind: "receipt", evidence: await trusts.witnessed(item), trust, now: world.nowMs };
  },
}));

const onTrust: readonly Attack[] = [
  ...trusts.ON_POLICIES.map(([name, policy, expected]): Attack => ({
    name,
    on: "trust",
    expected,
    exhibit: () => Promise.resolve(trustExhibit(trusts.trustWith({ policy }))),
  })),
  ...trusts.ON_TRUST.map(([name, change, expected]): Attack => ({
    name,
    on: "trust",
    expected,
    exhibit: () => Promise.resolve(trustExhibit(trusts.trustWith(change(trusts.world.trustPayload())))),
  })),
  ...ofVersions(),
];

function ofVersions(): readonly Attack[] {
  const plain = (): string => trusts.trustWith({});
  const payload = (file: string): string =>
    Buffer.from((JSON.parse(file) as { payload: string }).payload, "base64url").toString();
  const next = (changes: object) => (): Exhibit =>
    trustExhibit(trusts.trustWith({ version: 2, prev: sha256Text(payload(plain())), ...changes }), {
      previous: plain(),
    });
  const rows: readonly (readonly [string, string, () => Exhibit])[] = [
    ["69 another digest than the pinned one", "TRUST_DIGEST", () => trustExhibit(plain(), { pinned: sha256Text("x") })],
    ["70 an expired file", "TRUST_EXPIRED", () => trustExhibit(trusts.trustWith({ expires: trusts.EXPIRED }))],
    ["70 an older version", "TRUST_ROLLBACK", next({ version: 1, expires: "2027-01-01T00:00:00.000Z" })],
    ["70 a version that is skipped", "TRUST_CHAIN", next({ version: 3 })],
    ["70 another predecessor", "TRUST_CHAIN", next({ prev: sha256Text("x") })],
    [
      "8 another version of the format",
      "VERSION_UNKNOWN",
      () => trustExhibit(trusts.trustWith({ v: "quanji.trust.v2" } as never)),
    ],
    [
      "own: a trust file without a threshold's signatures",
      "SIGNATURE_INVALID",
      () => trustExhibit(trusts.trustWith({ threshold: 2 })),
    ],
    ["own: a trust file with white space", "NOT_CANONICAL", () => trustExhibit(` ${plain()}`)],
    [
      "own: a trust file with a field more",
      "FIELD_UNKNOWN",
      () => trustExhibit(trusts.trustWith({ extra: 1 } as never)),
    ],
  ];
  return rows.map(([name, expected, make]) => ({
    name,
    on: "trust",
    expected,
    exhibit: () => Promise.resolve(make()),
  }));
}

export const ATTACKS: readonly Attack[] = [
  ...onReceipts,
  ...onReceiptFiles,
  ...onWitnessed,
  ...onTrails,
  ...onTrailFiles,
  ...onHandovers,
  ...onTallies,
  ...onErased,
  ...onEthereum,
  ...onSeals,
  ...onSubjects,
  ...onAnchors(anchors.ON_ANCHORS, "receipt"),
  ...onAnchors(anchors.ON_ANCHORED_LEVEL, "receipt", "anchored"),
  ...onAnchors(anchors.ON_ANCHORED_TRAILS, "trail"),
  notAnchored("receipt"),
  notAnchored("trail"),
  ...onTrust,
];

/** What is attacked, untouched: all of it verifies. */
export async function untouched(): Promise<readonly (readonly [name: string, exhibit: Exhibit])[]> {
  const { world, at } = receipts;
  const text = async (index: number): Promise<string> => canonical(await world.receipt(LOG, index), TEXT);
  const trail = async (kind: "grant" | "resource" | "party", id: string): Promise<Exhibit> =>
    trailExhibit(await trails.world.trail(kind, id));
  const { insurer, operator, approver } = PARTIES;
  const item = { name: "", detail: "", by: [0, 2], level: "cosigned" } as const;
  const cosigned = {
    kind: "receipt" as const,
    evidence: await trusts.witnessed(item),
    trust: trusts.trustWith({ policy: trusts.TWO_OF_THREE }),
    now: trusts.world.nowMs,
  };
  const [receipt, proof] = [await world.receipt(LOG, at.permit), await world.proof(LOG, at.permit)];
  return [
    ["a permit's receipt", receiptExhibit(await text(at.permit))],
    ["an upgraded receipt", receiptExhibit(canonical({ v: "quanji.upgraded.v1", receipt, proof }, TEXT))],
    ["a delivery's receipt", receiptExhibit(await text(at.delivery))],
    ["a denial's receipt", receiptExhibit(await text(at.denial))],
    ["a void's receipt", receiptExhibit(await text(at.void))],
    ["a receipt with a quorum", cosigned],
    ["a grant's trail", trailExhibit(sealed(trails.lines))],
    ["a sub-grant's trail", await trail("grant", trails.child)],
    ["a resource's trail", await trail("resource", RESOURCE)],
    ["a user's trail", await trail("party", insurer.id)],
    ["a hosted user's trail", await trail("party", operator.id)],
    ["a trail of nothing", await trail("party", approver.id)],
    ["a trail with acceptances", handoverExhibit(sealed(handovers.lines))],
    ["a user's trail with acceptances", handoverExhibit(await handovers.world.trail("party", insurer.id))],
    ["an acceptance's receipt", { ...handoverExhibit(await acceptanceReceipt()), kind: "receipt" }],
    ["a trail with tallies", tallyExhibit(sealed(tallies.lines))],
    ["a tally's receipt", { ...tallyExhibit(await tallyReceipt()), kind: "receipt" }],
    ["a trail with erasures", erasureExhibit(sealed(erasures.lines))],
    ["a receipt with an erasure", erasureExhibit(await erasures.receiptOf(), "receipt")],
    ["a trail with commands of Ethereum keys", ethereumExhibit(sealed(ethereum.lines))],
    ["a receipt with an erasure by an Ethereum key", ethereumExhibit(await ethereum.receiptOf(), "receipt")],
    ["a trail with sealed entries", sealExhibit(sealed(seals.lines))],
    ["the same, shown", sealExhibit(sealed(seals.openTrail()))],
    ["a subject's trail over two quarters", subjectExhibit(sealed(subjects.lines))],
    ["the same with bulk uses", subjectExhibit(sealed(subjects.withBulk))],
    ["the same with sealed entries", subjectExhibit(sealed(subjects.hiding))],
    ["the same, shown again", subjectExhibit(sealed(subjects.shown))],
    ["a subject's trail from a later day on", subjectExhibit(sealed(subjects.later))],
    ["a subject's trail of nothing", subjectExhibit(sealed(subjects.nothing))],
    ...(await untouchedAnchors()),
    ["a trust file", trustExhibit(trusts.trustWith({}))],
  ];
}

async function untouchedAnchors(): Promise<readonly (readonly [string, Exhibit])[]> {
  const rows = [
    ["an anchored receipt", "receipt", await anchors.anchoredAt(5)],
    ["a receipt anchored at its proof's size", "receipt", await anchors.anchoredAt(8)],
    ["a receipt anchored by an old transaction", "receipt", await anchors.anchoredAt(4, { type: 0 })],
    ["an anchored trail", "trail", await anchors.anchoredAt(8)],
  ] as const;
  return Promise.all(
    rows.map(async ([name, on, anchored]) => {
      return [name, await anchoredExhibit(on, anchored, anchors.trustPayload(anchored), "anchored")] as const;
    }),
  );
}

const acceptanceReceipt = async (): Promise<string> =>
  canonical(await handovers.world.receipt(LOG, handovers.at.last), TEXT);

const tallyReceipt = async (): Promise<string> => canonical(await tallies.world.receipt(LOG, 10), TEXT);

/** Verifies a trail, as {@link verifyTrail} does. */
type TrailVerifier = (evidence: string, trust: OpenedTrust, options: { readonly level?: Level }) => Promise<Verdict>;

/** The finer code that the verifier refuses an exhibit with; `ok` for one that it believes. */
export async function verdictOn(
  { kind, evidence, trust, now, pinned, previous, level }: Exhibit,
  verifyATrail: TrailVerifier = verifyTrail,
): Promise<string> {
  try {
    const before = previous === undefined ? undefined : await openTrust(previous, { now });
    const opened = await openTrust(trust, {
      now,
      ...(pinned !== undefined && { digest: pinned }),
      ...(before !== undefined && { previous: before }),
    });
    if (kind === "trust") return "ok";
    const options = level === undefined ? {} : { level };
    const { ok, detail } = await (kind === "trail" ? verifyATrail : verifyReceipt)(evidence, opened, options);
    return ok ? "ok" : (detail ?? "no code");
  } catch (error) {
    return refusalOf(error).detail;
  }
}
