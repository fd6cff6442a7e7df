/** The trust file: what a verifier pins. Version 1 is signed by the keys that the network begins with, each next one by those before. */
import {
  QuanjiError,
  type Trust,
  Trust as TrustSchema,
  TRUST_LIMITS,
  TRUST_TYP,
  type TrustFile,
} from "@quanji/chaincode/domain";
import { parseWith } from "@quanji/chaincode/domain";
import {
  type Algorithm,
  algorithmOf,
  canonical,
  type CommandEntry,
  formatVkey,
  fromBase64url,
  hashText,
  type HashText,
  type NoteKey,
  sha256,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import type { Ledger } from "../ledger/ledger.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { publicChain } from "../witness/sighting.js";
import type { GatewayKey } from "./context.js";
import { signerOf } from "./signers.js";

/** A witness as the trust file names it. */
export interface TrustedWitness {
  readonly organisation: string;
  readonly url: string;
  readonly vkey: string;
  readonly headsKey: string;
  /** Undefined where it tells nobody of its peer's blocks. */
  readonly blocksKey?: string | undefined;
}

export interface TrustOptions {
  readonly index: LedgerIndex;
  readonly ledger: Pick<Ledger, "blocks">;
  /** Organisations by MSP: their names here, and their root certificates as DER in base64. */
  readonly organisations: Readonly<Record<string, { readonly name: string; readonly roots: readonly string[] }>>;
  /** The heads key, and the MSP of the organisation whose peer it speaks for. */
  readonly heads: { readonly key: NoteKey; readonly msp: string };
  /** One an organisation, and how many of them are a quorum; none: `quorum none`. */
  readonly witnesses: readonly TrustedWitness[];
  readonly quorum: number;
  readonly expires: string;
  /** Header hashes of the blocks that hold a configuration, the first or not. */
  readonly configs?: readonly string[];
  readonly signers: readonly GatewayKey[];
  /** How many of the signers the next version needs. */
  readonly threshold: number;
  /** The version that this one follows. Its signers must be among these. */
  readonly previous?: { readonly version: number; readonly digest: HashText };
  /** Anchor contracts that count, and blocks that are known to be final. Empty: nothing is anchored. */
  readonly anchors?: NonNullable<Trust["anchors"]>;
}

/**
 * The index must hold the directory. Errors: NOT_FOUND (no network yet), CONFIG_INVALID (an organisation without a name; a
 * witness of a log's own organisation), MALFORMED.
 */
export async function makeTrust(options: TrustOptions): Promise<TrustFile> {
  const trust = parseWith(TrustSchema, await trustOf(options));
  const payload = toBase64url(utf8(canonical(trust, TRUST_LIMITS)));
  const signatures = await Promise.all(
    options.signers.map(async ({ kid, jwk, sign }) => {
      const header: { alg: Algorithm; kid: string; typ: string } = { alg: algorithmOf(jwk), kid, typ: TRUST_TYP };
      const protectedText = toBase64url(utf8(canonical(header)));
      const signature = toBase64url(await sign(utf8(`${protectedText}.${payload}`)));
      return { protected: protectedText, signature };
    }),
  );
  return { payload, signatures };
}

/** SHA-256 of the payload's bytes, base64url: what users compare before they pin. */
export const trustDigest = (file: Pick<TrustFile, "payload">): HashText =>
  hashText(sha256(fromBase64url(file.payload)));

async function trustOf(options: TrustOptions): Promise<Trust> {
  const { index, organisations, heads, signers, previous } = options;
  const network = await index.network();
  const init = await initOf(options);
  if (network === undefined || init === undefined) {
    throw new QuanjiError("NOT_FOUND", "the network has not been initialised");
  }
  const orgOf = (msp: string): string => {
    const name = organisations[msp]?.name;
    if (name !== undefined) return name;
    throw new QuanjiError("CONFIG_INVALID", `the topology names no organisation for ${msp}`, {
      field: "organisations",
    });
  };
  const logs = await index.logs();
  const own = new Set([...logs.map(({ msp }) => orgOf(msp)), orgOf(heads.msp)]);
  const partial = options.witnesses.findIndex(({ organisation }) => own.has(organisation));
  if (partial >= 0) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      "an organisation that writes a log would vouch for itself: name another's witness",
      {
        field: `witnesses.${partial}.organisation`,
      },
    );
  }
  const gateways = await index.gateways();
  const genesis = await genesisOf(options);
  return {
    v: "quanji.trust.v1",
    version: (previous?.version ?? 0) + 1,
    ...(previous !== undefined && { prev: previous.digest }),
    net: network.net,
    expires: options.expires,
    testClock: network.testClock,
    timeZone: network.timeZone,
    genesis,
    init: init.request,
    configs: [...new Set([genesis, ...(options.configs ?? [])])],
    gateways: gateways.flatMap(({ name, kid, jwk, publicUrl }) =>
      logs
        .filter(({ gateway }) => gateway === name)
        .map(({ origin }) => ({ name, kid, jwk, publicUrl, log: origin, from: 0 })),
    ),
    logs: logs.map(({ origin, msp }) => ({ origin, org: orgOf(msp) })),
    keys: logs.map(({ origin, vkey }) => ({ vkey, log: origin, from: 0 })),
    heads: {
      ...Object.fromEntries(options.witnesses.map(({ organisation, headsKey }) => [organisation, headsKey])),
      [orgOf(heads.msp)]: formatVkey(heads.key),
    },
    ...blocksOf(options.witnesses),
    msps: Object.fromEntries(network.msps.map((msp) => [orgOf(msp), [...(organisations[msp]?.roots ?? [])]])),
    policy: policyOf(
      logs.map(({ vkey }) => vkey),
      options,
    ),
    signers: signers.map(({ kid, jwk }) => ({ kid, jwk })),
    threshold: options.threshold,
    regulator: init.regulator,
    ...(options.anchors !== undefined && options.anchors.length > 0 && { anchors: options.anchors }),
  };
}

/** A dash is in no organisation's name, so these names are nobody's. */
const QUORUM_GROUP = "the-quorum";
const witnessName = (organisation: string): string => `${organisation}-witness`;

/** C2SP tlog-policy: each organisation a group of its one witness. */
export function policyOf(
  logs: readonly string[],
  { witnesses, quorum }: Pick<TrustOptions, "witnesses" | "quorum">,
): string {
  const organisations = witnesses.map(({ organisation }) => organisation);
  return [
    ...logs.map((vkey) => `log ${vkey}`),
    ...witnesses.map(({ organisation, vkey, url }) => `witness ${witnessName(organisation)} ${vkey} ${url}`),
    ...organisations.map((organisation) => `group ${organisation} any ${witnessName(organisation)}`),
    ...(witnesses.length === 0
      ? ["quorum none"]
      : [`group ${QUORUM_GROUP} ${quorum} ${organisations.join(" ")}`, `quorum ${QUORUM_GROUP}`]),
    "",
  ].join("\n");
}

/** Absent where no witness has such a key. */
function blocksOf(witnesses: readonly TrustedWitness[]): Pick<Trust, "blocks"> {
  const keys = witnesses.flatMap(({ organisation, blocksKey }) =>
    blocksKey === undefined ? [] : [[organisation, blocksKey] as const],
  );
  return keys.length === 0 ? {} : { blocks: Object.fromEntries(keys) };
}

/** The first entry of the directory: network.init, signed by the regulator. */
async function initOf({
  index,
}: TrustOptions): Promise<{ readonly request: string; readonly regulator: string } | undefined> {
  const net = (await index.network())?.net;
  if (net === undefined) return undefined;
  for await (const { stored } of index.commands(publicChain(net, "directory", net))) {
    const { request } = JSON.parse(stored.entry) as CommandEntry;
    return { request, regulator: signerOf(stored.command) };
  }
  return undefined;
}

async function genesisOf({ ledger }: TrustOptions): Promise<string> {
  for await (const { hash } of ledger.blocks(0)) return hash;
  throw new QuanjiError("NOT_FOUND", "the ledger has no block yet");
}
