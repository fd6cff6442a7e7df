/** The trust file in the data folder: made at the first start, and handed out as it stands there ever after. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { instant, parseWith, QuanjiError, TRUST_LIMITS, TrustFile } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import { replaceFile } from "@quanji/client";
import type { Config } from "../config/index.js";
import { makeTrust, trustDigest } from "../evidence/trust.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Topology } from "../ledger/topology.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { GatewayKeys } from "./keys.js";

export const TRUST_FILE = "trust.json";

/** Ten years: as long as its keys are meant to be used. There is nobody but the one operator who could renew it. */
const VALID_MS = 10 * 365 * 86_400_000;

export interface TrustOptions {
  readonly config: Config;
  readonly keys: GatewayKeys;
  readonly topology: Topology;
  /** Root certificates (DER, base64) by MSP. */
  readonly roots: () => Promise<Readonly<Record<string, readonly string[]>>>;
  readonly ledger: Ledger;
  readonly readModel: LedgerIndex;
  /** Ledger time, ms since 1970. */
  readonly now: () => number;
}

export interface TrustText {
  /** Exact text of the file. */
  readonly text: string;
  /** SHA-256 of the payload, base64url: what a user pins. */
  readonly digest: string;
}

/** Reads the file, or makes it. Errors: CONFIG_INVALID if there is one that cannot be read. */
export async function openTrustFile(options: TrustOptions): Promise<TrustText> {
  const { data } = options.config;
  const known = await readFile(path.join(data, TRUST_FILE), "utf8").catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw damaged("cannot be read", cause);
  });
  if (known !== undefined) return { text: known, digest: digestOf(known) };
  // base64url adds a third to the payload, signatures a little more.
  const text = canonical(await newTrust(options), { ...TRUST_LIMITS, maxBytes: TRUST_LIMITS.maxBytes * 2 });
  await replaceFile(data, TRUST_FILE, `${text}\n`);
  return { text: `${text}\n`, digest: digestOf(text) };
}

const damaged = (problem: string, cause: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${TRUST_FILE} ${problem}: restore it; a new one would have another digest`, {
    field: TRUST_FILE,
    cause,
  });

function digestOf(text: string): string {
  try {
    return trustDigest(parseWith(TrustFile, JSON.parse(text)));
  } catch (cause) {
    throw damaged("is not a trust file", cause);
  }
}

async function newTrust({ config, keys, topology, roots, ledger, readModel, now }: TrustOptions): Promise<TrustFile> {
  return makeTrust({
    index: readModel,
    ledger,
    organisations: organisationsOf(topology, await roots()),
    heads: { key: keys.heads.key, msp: config.gateway.msp },
    expires: instant(now() + VALID_MS),
    signers: [keys.regulator],
    threshold: 1,
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
