/**
 * Evidence for strangers: of a contract's trail only public chains, so that a certificate can be shown without contract, prices,
 * buyer and records. First line `{"net":…,"t":"extract","v":"quanji.extract.v1"}`, then those chains verbatim.
 */
import { parseWith, splitVersion } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromBase64url, parseCanonical, partyOf } from "@quanji/chaincode/log";
import { Certificate, parseSigned, partyOfUrn } from "../../documents/index.js";
import { linesOf, parseLine, type TrailSource } from "../lines.js";
import { replay, type Replayed } from "../replay.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import { completeTime, readChains } from "./chain-file.js";

const VERSION = "quanji.extract.v1";

export interface Extract {
  readonly world: Replayed;
  /** All chains are complete up to then. */
  readonly time: string;
}

/** Kinds of chains that anybody may see. */
const PUBLIC: ReadonlySet<string> = new Set(["directory", "party", "resource", "attestation"]);
const MAX_BYTES = 64 * 1024 * 1024;

/** Errors: those of chains and of {@link replay}; LINE_ORDER, VERSION_UNKNOWN, NETWORK_MISMATCH. */
export async function openExtract(source: TrailSource, trust: OpenedTrust): Promise<Extract> {
  const chains = await readChains(source, trust, {
    begin: (line) => assertHeader(line, trust),
    allows: (kind) => PUBLIC.has(kind),
    ends: false,
    maxBytes: MAX_BYTES,
  });
  return { world: await replay(chains, trust), time: completeTime(chains) };
}

function assertHeader(bytes: Uint8Array, trust: OpenedTrust): void {
  const { t, v, net, ...rest } = parseCanonical(bytes);
  if (t !== "extract" || Object.keys(rest).length > 0)
    refuse("TYPE_UNKNOWN", "the evidence is no trail and no extract of one");
  if (v !== VERSION) refuse("VERSION_UNKNOWN", `the extract's version is not ${VERSION}`);
  if (net !== trust.trust.net) refuse("NETWORK_MISMATCH", "the extract is another network's");
}

/**
 * Of a trail's lines, behind the extract's own header, the chains that a certificate rests on: of its resource and what that was
 * made from, of its issuer, and of whoever signed in these. Whose chains a file brings along tells who had to do with it: a buyer's
 * must not be among them.
 *
 * Errors: MALFORMED: it is no certificate; those of lines' forms.
 */
export async function* extractOf(trail: TrailSource, certificate: FlattenedJws): AsyncGenerator<string> {
  const { issuer, credentialSubject } = parseWith(Certificate, parseSigned(certificate).payload);
  const { resource, lineage, net } = credentialSubject;
  const resources = new Set([resource, ...lineage].map((version) => splitVersion(version).id));
  const parties = new Set([partyOfUrn(issuer)]);
  const isNeeded = ({ kind, id }: PublicChain): boolean =>
    kind === "directory" || (kind === "party" ? parties.has(id) : resources.has(id));
  const chains = await publicChains(trail);
  yield `${canonical({ net, t: "extract", v: VERSION })}\n`;
  for (const { signers } of chains.filter((chain) => chain.kind !== "party" && isNeeded(chain))) {
    for (const signer of signers) parties.add(signer);
  }
  const signersOf = new Map(chains.flatMap(({ kind, id, signers }) => (kind === "party" ? [[id, signers]] : [])));
  // A set hands out what is added to it meanwhile: who admitted a party, and who admitted that one.
  for (const party of parties) for (const signer of signersOf.get(party) ?? []) parties.add(signer);
  for (const { lines } of chains.filter(isNeeded)) yield* lines;
}

interface PublicChain {
  readonly kind: string;
  readonly id: string;
  readonly lines: string[];
  readonly signers: Set<string>;
}

/** They stand before the first log. */
async function publicChains(trail: TrailSource): Promise<readonly PublicChain[]> {
  const found: PublicChain[] = [];
  let current: PublicChain | undefined;
  for await (const lines of linesOf(trail)) {
    for (const bytes of lines) {
      const line = parseLine(bytes);
      if (line.t === "log") return found;
      if (line.t === "chain") {
        current = PUBLIC.has(line.kind) ? { kind: line.kind, id: line.id, lines: [], signers: new Set() } : undefined;
        if (current !== undefined) found.push(current);
      } else if (line.t === "command") current?.signers.add(signerOf(line.request));
      else if (line.t !== "chainEnd") continue;
      current?.lines.push(`${new TextDecoder().decode(bytes)}\n`);
    }
  }
  return found;
}

/** Errors: MALFORMED: the header names no key. */
function signerOf(request: FlattenedJws): string {
  const { kid } = parseCanonical(fromBase64url(request.protected));
  return typeof kid === "string" ? partyOf(kid) : refuse("JWS_SHAPE", "a command's header names its key");
}
