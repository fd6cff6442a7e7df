/** Attacks on trust files and on what witnesses sign. Holds no test itself. */
import { instant, type Trust } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import {
  HEADS,
  LOG,
  LOG_KEYS,
  noteSigner,
  OTHER_LOG,
  PARTIES,
  signer,
  SmallWorld,
  START,
  TRUST_SIGNER,
  trustFile,
} from "./support.test.js";

export const witnesses = ["a", "b", "c"].map((name) => noteSigner(`witness.${name}/w`, 4));
const first = witnesses[0]!;
export const WITNESSES = witnesses.map(({ vkey }, i) => `witness ${"abc"[i] ?? ""} ${vkey}\n`).join("");
export const GROUPS = "group oa any a\ngroup ob all b\ngroup oc 1 c\n";
export const TWO_OF_THREE = `${WITNESSES}${GROUPS}group orgs 2 oa ob oc\nquorum orgs\n`;

/** Policies that are refused, by themselves and in every trust file. */
export const ON_POLICIES: readonly (readonly [name: string, text: string, detail: string])[] = [
  ["71 a quorum that two halves could both reach", `${WITNESSES}group g 1 a b\nquorum g\n`, "POLICY_UNSAFE"],
  ["72 one key under two names", `${WITNESSES}witness d ${first.vkey}\nquorum a\n`, "POLICY_DUPLICATE_KEY"],
  ["73 an undefined group", `${WITNESSES}quorum g\n`, "POLICY_SYNTAX"],
  ["a group of undefined members", `${WITNESSES}group g all a z\nquorum g\n`, "POLICY_SYNTAX"],
  ["a member in two groups", `${WITNESSES}group g all a b\ngroup h all a c\nquorum g\n`, "POLICY_SYNTAX"],
  ["a name twice", `${WITNESSES}group a all b\nquorum a\n`, "POLICY_SYNTAX"],
  ["a bad name", `${WITNESSES}group none all b\nquorum a\n`, "POLICY_SYNTAX"],
  ["an empty group", `${WITNESSES}group g any\nquorum a\n`, "POLICY_SYNTAX"],
  ["a threshold above its members", `${WITNESSES}group g 3 a b\nquorum g\n`, "POLICY_SYNTAX"],
  ["a threshold of nothing", `${WITNESSES}group g 0 a b\nquorum g\n`, "POLICY_SYNTAX"],
  ["no quorum line", WITNESSES, "POLICY_SYNTAX"],
  ["a line after the quorum", "quorum none\nquorum none\n", "POLICY_SYNTAX"],
  ["two quorums in a line", "quorum none none\n", "POLICY_SYNTAX"],
  ["an unknown keyword", "notary a\nquorum none\n", "POLICY_SYNTAX"],
  ["two spaces", "quorum  none\n", "POLICY_SYNTAX"],
  ["a log line too long", `log ${LOG_KEYS[LOG]!.vkey} u v\nquorum none\n`, "POLICY_SYNTAX"],
  ["a witness line too short", "witness a\nquorum none\n", "POLICY_SYNTAX"],
  ["27 a log's key as witness", `witness a ${LOG_KEYS[LOG]!.vkey}\nquorum a\n`, "KEY_PURPOSE"],
  ["27 a witness's key as log", `log ${first.vkey}\nquorum none\n`, "KEY_PURPOSE"],
];

const heads = { heads: HEADS.vkey };
const jwkOf = (name: string) => signer(name).jwk;
const own = { kid: `${PARTIES.regulator.id}#${TRUST_SIGNER.print}` };

/** Changes of a good trust file's payload. */
export const ON_TRUST: readonly (readonly [name: string, change: (trust: Trust) => Partial<Trust>, detail: string])[] =
  [
    ["27 a witness's key for heads", () => ({ heads: { heads: noteSigner("h", 4).vkey } }), "KEY_PURPOSE"],
    ["one key for heads and log", () => ({ heads: { heads: noteSigner("h", 1, `${LOG} 1`).vkey } }), "KEY_PURPOSE"],
    [
      "one key for gateway and heads",
      (trust) => ({
        gateways: trust.gateways.map((row) => ({ ...row, jwk: jwkOf("k"), kid: `gw#${signer("k").print}` })),
        heads: { heads: noteSigner("h", 1, "k").vkey },
      }),
      "KEY_PURPOSE",
    ],
    [
      "58 a gateway's kid of another key",
      (trust) => ({ gateways: trust.gateways.map((row) => ({ ...row, jwk: jwkOf("k") })) }),
      "KEY_THUMBPRINT",
    ],
    ["58 a signer's kid of another key", () => ({ signers: [{ kid: own.kid, jwk: jwkOf("k") }] }), "KEY_THUMBPRINT"],
    [
      "66 a small-order key",
      (trust) => ({
        gateways: trust.gateways.map((row) => ({ ...row, jwk: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) } })),
      }),
      "KEY_WEAK",
    ],
    ["a log twice", (trust) => ({ logs: [...trust.logs, ...trust.logs] }), "LOG_UNKNOWN"],
    ["a key of no log", (trust) => ({ logs: trust.logs.slice(0, 1) }), "LOG_UNKNOWN"],
    [
      "a log's key under another name",
      (trust) => ({ keys: trust.keys.map((row) => ({ ...row, log: OTHER_LOG })) }),
      "LOG_MISMATCH",
    ],
    ["another network's logs", () => ({ net: "quanji.test/town" }), "NETWORK_MISMATCH"],
    [
      "a policy with a log key that nobody knows",
      () => ({ policy: `log ${noteSigner("n").vkey}\nquorum none\n` }),
      "POLICY_SYNTAX",
    ],
    [
      "72 one heads key of two organisations",
      () => ({ heads: { oa: noteSigner("h1", 1, "k").vkey, ob: noteSigner("h2", 1, "k").vkey } }),
      "POLICY_DUPLICATE_KEY",
    ],
    [
      "72 one key of block notes of two organisations",
      () => ({ blocks: { oa: noteSigner("b1", 1, "k").vkey, ob: noteSigner("b2", 1, "k").vkey } }),
      "POLICY_DUPLICATE_KEY",
    ],
    ["one key for heads and block notes", () => ({ blocks: { heads: HEADS.vkey } }), "KEY_PURPOSE"],
    ["27 a witness's key for block notes", () => ({ blocks: { heads: noteSigner("b", 4).vkey } }), "KEY_PURPOSE"],
    [
      "71 a log's own organisation in the quorum",
      () => ({ heads, policy: `${WITNESSES}group holder any a\ngroup orgs 2 holder b\nquorum orgs\n` }),
      "POLICY_UNSAFE",
    ],
  ];

export let world: SmallWorld;
export let index: number;
let made: Promise<void> | undefined;
/** For `before`: one access under a policy with witnesses. */
export const prepareWitnessed = (): Promise<void> => (made ??= make());

async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource();
  index = await world.access(await world.grant());
}

/** Receipts (text) under that policy, each cosigned in another way. */
export interface Witnessed {
  readonly name: string;
  readonly detail: string;
  readonly by: readonly number[];
  /** Seconds that the witnesses' clocks are ahead. */
  readonly ahead?: number;
  /** The cosignature's bytes are altered after it was made. */
  readonly altered?: boolean;
  readonly level?: "committed" | "cosigned" | "anchored";
  readonly trust?: (trust: Trust) => Partial<Trust>;
}

const bounded = (bounds: object) => (trust: Trust) => ({ keys: trust.keys.map((row) => ({ ...row, ...bounds })) });
const gone = (bounds: object) => (trust: Trust) => ({ gateways: trust.gateways.map((row) => ({ ...row, ...bounds })) });

export const ON_WITNESSED: readonly Witnessed[] = [
  { name: "24 a cosignature's time altered", detail: "WITNESS_SIGNATURE_INVALID", by: [0, 1], altered: true },
  { name: "25 a quorum short", detail: "WITNESS_QUORUM", by: [1] },
  { name: "26 one witness twice", detail: "WITNESS_QUORUM", by: [1, 1] },
  { name: "28 cosignatures from the future", detail: "TIME_FUTURE", by: [0, 1], ahead: 301 },
  {
    name: "29 a log's key beyond its sizes",
    detail: "KEY_EXPIRED_AT_SIZE",
    by: [0, 1],
    trust: bounded({ from: 0, to: 0 }),
  },
  { name: "29 a log's key before its sizes", detail: "KEY_EXPIRED_AT_SIZE", by: [0, 1], trust: bounded({ from: 2 }) },
  { name: "29 a gateway's key beyond its sizes", detail: "KEY_EXPIRED_AT_SIZE", by: [0, 1], trust: gone({ to: 0 }) },
  { name: "68 a level that one cosignature does not reach", detail: "LEVEL_FALSE", by: [1], level: "cosigned" },
  { name: "68 a level that no cosignature reaches", detail: "LEVEL_FALSE", by: [0, 1], level: "anchored" },
];

export async function witnessed({ by, ahead = 0, altered = false, level = "committed" }: Witnessed): Promise<string> {
  world.cosignatures = (text) =>
    Promise.all(
      by.map(async (i) => {
        const made = await witnesses[i]!.cosign(text, world.time + ahead);
        if (!altered) return made;
        const bytes = Uint8Array.from(made.bytes);
        bytes[7]! ^= 1;
        return { ...made, bytes };
      }),
    );
  const receipt = await world.receipt(LOG, index, { level });
  world.cosignatures = () => Promise.resolve([]);
  return canonical(receipt, { maxBytes: 1 << 18, maxDepth: 4 });
}

/** The trust file's text with these changes. */
export const trustWith = (changes: Partial<Trust>): string => trustFile(world.trustPayload(changes));
export const NOW = START + 1000;
export const EXPIRED = instant(NOW);
