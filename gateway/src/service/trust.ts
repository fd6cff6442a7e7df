/**
 * The trust file in the data folder: made at the first start, and handed out as it stands there. A log that was created since
 * needs another version, which follows on the one before, so that whoever pinned that one takes it without being asked.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { instant, parseWith, QuanjiError, Trust, TRUST_LIMITS, TrustFile } from "@quanji/chaincode/domain";
import { canonical, fromBase64url, type HashText, parseCanonical } from "@quanji/chaincode/log";
import { replaceFile } from "@quanji/client";
import { type Config, quorumOf } from "../config/index.js";
import { makeTrust, policyOf, trustDigest } from "../evidence/trust.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Topology } from "../ledger/topology.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { GatewayKeys } from "./keys.js";

export const TRUST_FILE = "trust.json";
/** Versions before the newest, `<version>.json`: whoever pinned one of them follows from it, step by step. */
const EARLIER_FOLDER = "trust";

/** Ten years: as long as its keys are meant to be used. There is nobody but the one operator who could renew it. */
const VALID_MS = 10 * 365 * 86_400_000;

export interface TrustOptions {
  readonly config: Config;
  readonly keys: GatewayKeys;
  readonly topology: Topology;
  /** Root certificates (DER, base64) by MSP. */
  readonly roots: () => Promise<Readonly<Record<string, readonly string[]>>>;
  /** Header hashes of blocks that hold a configuration. Absent: the first alone does. */
  readonly configs?: () => Promise<readonly string[]>;
  readonly ledger: Ledger;
  readonly readModel: LedgerIndex;
  /** Ledger time, ms since 1970. */
  readonly now: () => number;
  /** Told why a log cannot be put into the file: evidence from it does not verify until somebody does. */
  readonly report: (error: unknown) => void;
}

export interface TrustText {
  /** Exact text of the file. */
  readonly text: string;
  /** SHA-256 of the payload, base64url: what a user pins. */
  readonly digest: string;
  /** Exact texts of the versions before it. */
  readonly earlier: ReadonlyMap<number, string>;
}

/** Reads the file, makes it, or makes its next version. Errors: CONFIG_INVALID if there is one that cannot be read. */
export async function openTrustFile(options: TrustOptions): Promise<TrustText> {
  const { data } = options.config;
  const known = await readFile(path.join(data, TRUST_FILE), "utf8").catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw damaged("cannot be read", cause);
  });
  if (known === undefined) return writeTrust(data, await newTrust(options));
  const earlier = await readEarlier(data);
  const { trust, digest } = opened(known);
  const listed = new Set(trust.logs.map(({ origin }) => origin));
  const logs = (await options.readModel.logs()).filter(({ origin }) => !listed.has(origin));
  const configs = ((await options.configs?.()) ?? []).filter((hash) => !trust.configs.includes(hash));
  const missing = [
    ...logs.map(({ origin }) => origin),
    ...configs.map((hash) => `configuration block ${hash}`),
    ...witnessesMissing(trust, options.config),
    ...anchorsMissing(trust, options.config),
  ];
  if (missing.length === 0) return { text: known, digest, earlier };
  if (isOwn(trust, options)) {
    await mkdir(path.join(data, EARLIER_FOLDER), { recursive: true });
    await replaceFile(path.join(data, EARLIER_FOLDER), `${trust.version}.json`, known);
    earlier.set(trust.version, known);
    return writeTrust(data, await newTrust(options, { trust, digest }), earlier);
  }
  options.report(
    new QuanjiError(
      "CONFIG_INVALID",
      `${TRUST_FILE} does not list ${missing.join(", ")}: let its signers publish the next version`,
      { field: TRUST_FILE },
    ),
  );
  return { text: known, digest, earlier };
}

async function readEarlier(data: string): Promise<Map<number, string>> {
  const folder = path.join(data, EARLIER_FOLDER);
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  const versions = names.filter((name) => /^[1-9]\d{0,8}\.json$/.test(name)).map((name) => parseInt(name, 10));
  const texts = versions.map(
    async (version) => [version, await readFile(path.join(folder, `${version}.json`), "utf8")] as const,
  );
  return new Map(await Promise.all(texts));
}

/**
 * Signed by the one key that is here, with a policy that this gateway's configuration can give: nobody else has a say in it. A
 * quorum that is not configured here any more was decided by somebody, and no start of a gateway takes it away.
 */
const isOwn = ({ signers, threshold, policy }: Trust, { keys, config }: TrustOptions): boolean =>
  threshold === 1 &&
  signers.length === 1 &&
  signers[0]?.kid === keys.regulator.kid &&
  (/^quorum none$/m.test(policy) || config.witnesses.length > 0);

/** What the configuration says of witnesses and the file does not. Without a configuration the file's own word stands. */
function witnessesMissing({ policy, heads, blocks = {} }: Trust, config: Config): readonly string[] {
  if (config.witnesses.length === 0) return [];
  const logs = [...policy.matchAll(/^log (\S+)/gm)].map(([, vkey = ""]) => vkey);
  const same = policyOf(logs, { witnesses: config.witnesses, quorum: quorumOf(config) }) === policy;
  const named = config.witnesses.every(
    ({ organisation, headsKey, blocksKey }) =>
      heads[organisation] === headsKey && (blocksKey === undefined || blocks[organisation] === blocksKey),
  );
  return same && named ? [] : ["the witnesses that are configured"];
}

type Anchors = NonNullable<Trust["anchors"]>;

/** What the file names stays: evidence rests on it. */
function anchorsWith(known: Anchors, { anchor }: Pick<Config, "anchor">): Anchors {
  if (anchor === undefined) return known;
  const { chain, contract, blocks } = anchor;
  const at = known.findIndex((row) => row.chain === chain && row.contract === contract);
  const held = known[at];
  if (held === undefined) return [...known, { chain, contract, blocks }];
  return known.with(at, { ...held, blocks: [...new Set([...held.blocks, ...blocks])] });
}

/** What the configuration says of anchors and the file does not. */
function anchorsMissing({ anchors = [] }: Trust, config: Pick<Config, "anchor">): readonly string[] {
  return canonical(anchorsWith(anchors, config), TRUST_LIMITS) === canonical(anchors, TRUST_LIMITS)
    ? []
    : ["the anchor contract or blocks that are configured"];
}

async function writeTrust(
  data: string,
  file: TrustFile,
  earlier: ReadonlyMap<number, string> = new Map(),
): Promise<TrustText> {
  // base64url adds a third to the payload, signatures a little more.
  const text = `${canonical(file, { ...TRUST_LIMITS, maxBytes: TRUST_LIMITS.maxBytes * 2 })}\n`;
  await replaceFile(data, TRUST_FILE, text);
  return { text, digest: trustDigest(file), earlier };
}

const damaged = (problem: string, cause: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${TRUST_FILE} ${problem}: restore it; a new one would have another digest`, {
    field: TRUST_FILE,
    cause,
  });

function opened(text: string): { readonly trust: Trust; readonly digest: HashText } {
  try {
    const file = parseWith(TrustFile, JSON.parse(text));
    return {
      trust: parseWith(Trust, parseCanonical(fromBase64url(file.payload), TRUST_LIMITS)),
      digest: trustDigest(file),
    };
  } catch (cause) {
    throw damaged("is not a trust file", cause);
  }
}

async function newTrust(
  { config, keys, topology, roots, configs, ledger, readModel, now }: TrustOptions,
  previous?: { readonly trust: Trust; readonly digest: HashText },
): Promise<TrustFile> {
  return makeTrust({
    index: readModel,
    ledger,
    organisations: organisationsOf(topology, await roots()),
    heads: { key: keys.heads.key, msp: config.gateway.msp },
    witnesses: config.witnesses,
    quorum: quorumOf(config),
    expires: instant(now() + VALID_MS),
    signers: [keys.regulator],
    threshold: 1,
    configs: (await configs?.()) ?? [],
    anchors: anchorsWith(previous?.trust.anchors ?? [], config),
    ...(previous !== undefined && { previous: { version: previous.trust.version, digest: previous.digest } }),
  });
}

function organisationsOf({ organisations }: Topology, roots: Readonly<Record<string, readonly string[]>>) {
  return Object.fromEntries(
    organisations.map(({ name, msp }) => [msp, { name: nameInTrust(name), roots: roots[msp] ?? [] }] as const),
  );
}

/** Names of organisations in the trust file have no hyphens: `data-bureau` is `dataBureau` there. */
const nameInTrust = (name: string): string =>
  name.replaceAll(/-+([a-z0-9]?)/g, (_all, letter: string) => letter.toUpperCase());
