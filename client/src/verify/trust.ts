/**
 * The trust file: which keys speak for the network, its logs and its witnesses. A General JWS (RFC 7515 §7.2.1) of canonical
 * JSON, signed by its predecessor's signers; version 1 by its own, so what makes that one trusted is the digest that the user
 * pinned.
 */
import { defined, msOf, parseWith, Trust, TRUST_LIMITS, TRUST_TYP, TrustFile } from "@quanji/chaincode/domain";
import {
  JWS_ALGORITHMS,
  type Algorithm,
  algorithmOf,
  formatVkey,
  fromBase64url,
  fromUtf8,
  type HashText,
  type JsonObject,
  NOTE_TYPES,
  type NoteKey,
  parseCanonical,
  parsePublicJwk,
  parseVkey,
  type PublicJwk,
  sha256Text,
  thumbprint,
  thumbprintOf,
  utf8,
} from "@quanji/chaincode/log";
import { assertDistinctKeys, parsePolicy, type Policy } from "./policy.js";
import { verifySignature } from "./signatures.js";
import { type Level, refuse } from "./verdict.js";

/** A key that speaks for a log while the log's size is within bounds: an old key cannot sign a new tree. */
interface Bounded {
  readonly log: string;
  readonly from: number;
  readonly to: number | undefined;
}
export interface TrustedGateway extends Bounded {
  readonly name: string;
  readonly kid: string;
  readonly jwk: PublicJwk;
  readonly publicUrl: string;
}
export interface TrustedLogKey extends Bounded {
  readonly key: NoteKey;
}

/** A trust file whose signatures, schema, dates and policy have been checked. Only {@link openTrust} makes one. */
export interface OpenedTrust {
  readonly trust: Trust;
  /** SHA-256 of the payload (canonical JSON), base64url: what a user pins. */
  readonly digest: HashText;
  readonly policy: Policy;
  /** Origins of the logs that count. */
  readonly logs: ReadonlySet<string>;
  readonly gateways: readonly TrustedGateway[];
  readonly logKeys: readonly TrustedLogKey[];
  /** Keys that sign head notes, by organisation. */
  readonly heads: ReadonlyMap<string, NoteKey>;
  /** Keys that sign block notes, by organisation. */
  readonly blocks: ReadonlyMap<string, NoteKey>;
  /** Level below which nothing verifies: `committed` without a quorum, `cosigned` with one. */
  readonly requiredLevel: Level;
  readonly singleOperator: boolean;
  /** Blocks of outside chains that who verifies knows to be final, besides those in the file: 0x and hex. */
  readonly blockHashes: ReadonlySet<string>;
  /** When the verification happens, ms since 1970: nothing may have been signed later. */
  readonly nowMs: number;
}

export interface TrustOptions {
  /** Ms since 1970. */
  readonly now: number;
  /** Digest that the user pinned. */
  readonly digest?: string;
  /** The version in use until now: a newer one must be signed by its signers, an older one is a rollback. */
  readonly previous?: OpenedTrust;
  /** Hashes of blocks of outside chains (0x, 64 hex digits) that the user knows to be final, besides those that the file names. */
  readonly blockHashes?: readonly string[];
}

/** A file is base64url of its payload and a few signatures. */
const FILE_LIMITS = { maxBytes: TRUST_LIMITS.maxBytes * 2, maxDepth: TRUST_LIMITS.maxDepth };

/** Errors: TRUST_DIGEST, TRUST_EXPIRED, TRUST_ROLLBACK, SIGNATURE_INVALID, KEY_PURPOSE, POLICY_…, and those of its form. */
export async function openTrust(file: string | Uint8Array, options: TrustOptions): Promise<OpenedTrust> {
  // 1. The envelope and the payload, strictly.
  const envelope = parseWith(TrustFile, parseCanonical(withoutFinalNewline(file), FILE_LIMITS));
  const payload = fromBase64url(envelope.payload);
  const trust = parseTrust(parseCanonical(payload, TRUST_LIMITS));
  const digest = sha256Text(fromUtf8(payload));
  // 2. It is the one that was pinned.
  if (options.digest !== undefined && options.digest !== digest) {
    refuse("TRUST_DIGEST", "the trust file is not the one that was pinned");
  }
  // 3. It is signed by enough of its own signers, and by enough of its predecessor's.
  const signed = await verifiedSigners(envelope, [
    trust,
    ...(options.previous === undefined ? [] : [options.previous.trust]),
  ]);
  assertThreshold(trust, signed);
  if (options.previous !== undefined) assertSuccessor(trust, digest, options.previous, signed);
  // 4. It is in date.
  if (msOf(trust.expires) <= options.now) refuse("TRUST_EXPIRED", `the trust file expired at ${trust.expires}`);
  // 5. Its keys are sound, each with one purpose, and its policy is safe.
  const policy = parsePolicy(trust.policy);
  const gateways = trust.gateways.map(openGateway);
  const logKeys = trust.keys.map(openLogKey);
  const [heads, blocks] = [noteKeys(trust.heads), noteKeys(trust.blocks ?? {})];
  assertDistinctKeys(heads.values());
  assertDistinctKeys(blocks.values());
  assertLogs(trust, logKeys, policy);
  assertOnePurpose(trust, { gateways, logKeys, heads, blocks, policy });
  return {
    trust,
    digest,
    policy,
    logs: new Set(trust.logs.map((log) => log.origin)),
    gateways,
    logKeys,
    heads,
    blocks,
    requiredLevel: policy.quorum === undefined ? "committed" : "cosigned",
    singleOperator: policy.organisations.length < 2,
    blockHashes: new Set(options.blockHashes),
    nowMs: options.now,
  };
}

/** Editors and shells end a file with a line feed; that one is not part of the document. */
export const withoutFinalNewline = (file: string | Uint8Array): string | Uint8Array =>
  typeof file === "string"
    ? file.endsWith("\n")
      ? file.slice(0, -1)
      : file
    : file.at(-1) === 0x0a
      ? file.subarray(0, -1)
      : file;

function parseTrust(json: JsonObject): Trust {
  if (json["v"] !== "quanji.trust.v1") refuse("VERSION_UNKNOWN", "the trust file's version is not quanji.trust.v1");
  return parseWith(Trust, json);
}

/** Thumbprints of the signers, of any of these versions, whose signature verifies. Each key counts once. */
async function verifiedSigners(envelope: TrustFile, versions: readonly Trust[]): Promise<ReadonlySet<string>> {
  const known = new Map<string, PublicJwk>();
  for (const signer of versions.flatMap((version) => version.signers)) {
    const jwk = parsePublicJwk(defined(signer.jwk));
    if (thumbprintOf(signer.kid) !== thumbprint(jwk)) refuse("KEY_THUMBPRINT", "a signer's kid is not its key's");
    known.set(signer.kid, jwk);
  }
  const verified = new Set<string>();
  for (const entry of envelope.signatures) {
    const header = parseHeader(entry.protected);
    const jwk = known.get(header.kid);
    if (jwk === undefined) continue; // signed by a stranger as well: worth nothing, and no reason to refuse
    if (algorithmOf(jwk) !== header.alg) refuse("ALG_FORBIDDEN", "alg is not that of the signer's key");
    const data = utf8(`${entry.protected}.${envelope.payload}`);
    if (!(await verifySignature(jwk, data, fromBase64url(entry.signature)))) {
      refuse("SIGNATURE_INVALID", "a signature of the trust file does not verify");
    }
    verified.add(thumbprint(jwk));
  }
  return verified;
}

function parseHeader(text: string): { readonly alg: Algorithm; readonly kid: string } {
  const { alg, kid, typ, ...rest } = parseCanonical(fromBase64url(text));
  if (Object.keys(rest).length > 0) refuse("HEADER_FORBIDDEN", "the protected header has exactly alg, kid and typ");
  const known = JWS_ALGORITHMS.find((algorithm) => algorithm === alg);
  if (known === undefined) return refuse("ALG_FORBIDDEN", "alg must be ES256 or EdDSA");
  if (typ !== TRUST_TYP) refuse("TYP_MISMATCH", `typ must be ${TRUST_TYP}`);
  if (typeof kid !== "string") return refuse("JWS_SHAPE", "kid must be a string");
  return { alg: known, kid };
}

function assertThreshold({ signers, threshold }: Trust, signed: ReadonlySet<string>): void {
  const own = new Set(signers.map(({ kid }) => thumbprintOf(kid)).filter((print) => signed.has(print)));
  if (own.size < threshold)
    refuse("SIGNATURE_INVALID", `the trust file needs ${threshold} signatures and has ${own.size}`);
}

function assertSuccessor(trust: Trust, digest: string, previous: OpenedTrust, signed: ReadonlySet<string>): void {
  if (trust.net !== previous.trust.net) refuse("NETWORK_MISMATCH", "the trust file is another network's");
  if (digest === previous.digest) return;
  if (trust.version <= previous.trust.version) {
    refuse("TRUST_ROLLBACK", `version ${previous.trust.version} is in use; this is version ${trust.version}`);
  }
  if (trust.version !== previous.trust.version + 1 || trust.prev !== previous.digest) {
    refuse("TRUST_CHAIN", "the trust file does not follow the version in use: fetch those between");
  }
  assertThreshold(previous.trust, signed);
}

function openGateway(row: Trust["gateways"][number]): TrustedGateway {
  const jwk = parsePublicJwk(defined(row.jwk));
  if (row.kid !== `${row.name}#${thumbprint(jwk)}`) refuse("KEY_THUMBPRINT", "a gateway's kid is not its key's");
  return { name: row.name, kid: row.kid, jwk, publicUrl: row.publicUrl, log: row.log, from: row.from, to: row.to };
}

const noteKeys = (vkeys: Readonly<Record<string, string>>): ReadonlyMap<string, NoteKey> =>
  new Map(Object.entries(vkeys).map(([org, vkey]) => [org, parseVkey(vkey, NOTE_TYPES.ed25519)]));

function openLogKey(row: Trust["keys"][number]): TrustedLogKey {
  const key = parseVkey(row.vkey, NOTE_TYPES.ed25519);
  if (key.name !== row.log) refuse("LOG_MISMATCH", "a log's key is named otherwise than the log");
  return { key, log: row.log, from: row.from, to: row.to };
}

function assertLogs(trust: Trust, logKeys: readonly TrustedLogKey[], policy: Policy): void {
  const origins = new Set(trust.logs.map(({ origin }) => origin));
  if (origins.size !== trust.logs.length) refuse("LOG_UNKNOWN", "a log stands in the trust file twice");
  const foreign = [...trust.keys, ...trust.gateways].find(({ log }) => !origins.has(log));
  if (foreign !== undefined) refuse("LOG_UNKNOWN", "a key is for a log that the trust file does not list");
  if ([...origins].some((origin) => !origin.startsWith(`${trust.net}/`))) {
    refuse("NETWORK_MISMATCH", "a log of another network is listed");
  }
  const known = new Set(logKeys.map(({ key }) => formatVkey(key)));
  if (policy.logs.some((key) => !known.has(formatVkey(key)))) {
    refuse("POLICY_SYNTAX", "the witness policy names a log key that the trust file does not have");
  }
  // An organisation that witnesses its own log vouches for itself.
  if (trust.logs.some(({ org }) => policy.organisations.includes(org))) {
    refuse("POLICY_UNSAFE", "a log's own organisation counts in the quorum");
  }
}

type Keys = Pick<OpenedTrust, "gateways" | "logKeys" | "heads" | "blocks" | "policy">;

/** One key, one use: a heads key that also signed checkpoints could be made to vouch for what it never saw. */
function assertOnePurpose(trust: Trust, { gateways, logKeys, heads, blocks, policy }: Keys): void {
  const uses: readonly (readonly [string, readonly PublicJwk[]])[] = [
    ["signer", trust.signers.map(({ jwk }) => parsePublicJwk(defined(jwk)))],
    ["gateway", gateways.map(({ jwk }) => jwk)],
    ["log", logKeys.map(({ key }) => key.jwk)],
    ["heads", [...heads.values()].map((key) => key.jwk)],
    ["blocks", [...blocks.values()].map((key) => key.jwk)],
    ["witness", [...policy.witnesses.values()].map((key) => key.jwk)],
  ];
  const owners = new Map<string, string>();
  for (const [use, keys] of uses) {
    for (const jwk of keys) {
      const print = thumbprint(jwk);
      const other = owners.get(print) ?? use;
      if (other !== use) refuse("KEY_PURPOSE", `one key is used as ${other} and as ${use}`);
      owners.set(print, use);
    }
  }
}

/** Errors: KEY_EXPIRED_AT_SIZE. */
export function assertWithin({ from, to }: Bounded, size: number): void {
  if (size < from || (to !== undefined && size > to)) {
    refuse("KEY_EXPIRED_AT_SIZE", `the key does not speak for the log at size ${size}`);
  }
}
