/** Anchored heads as static files beside a log's tiles: which of them to put beside a proof. */
import { type AnchoredHead, ANCHOR_LIMITS, AnchorProof, isQuanjiError, parseWith } from "@quanji/chaincode/domain";
import { consistencyProof, hashText, parseCanonical, type ReadNode } from "@quanji/chaincode/log";
import type { TileSource } from "../tiles.js";
import { type OpenedTrust, withoutFinalNewline } from "../trust.js";
import { refuse } from "../verdict.js";
import { verifyEvent } from "./event.js";

/** The newest, or the one that stands in the block of that hash. */
export type AnchorPlace = "newest" | `0x${string}`;

/** Under the log's prefix. The first changes, the others never do. */
export const anchorPath = (place: AnchorPlace): string =>
  place === "newest" ? "anchor/newest" : `anchor/${place.slice(2)}`;

export interface Wanted {
  readonly log: string;
  /** Of the last record that has to be in the anchored tree. */
  readonly index: number;
  /** Size of the tree that can be read: a larger head cannot be compared with it. */
  readonly within: number;
  /** The one that is there already. */
  readonly held?: AnchorProof | undefined;
}

/** Each is a question to somebody's server. */
const MAX_ASKED = 64;

/** Blocks that are known to be final, the last named first. */
export const knownBlocks = ({ trust, blockHashes }: OpenedTrust): readonly AnchorPlace[] =>
  [...new Set([...(trust.anchors ?? []).flatMap(({ blocks }) => blocks), ...blockHashes])]
    .reverse()
    .slice(0, MAX_ASKED) as AnchorPlace[];

/**
 * The anchored head that proves most: one whose block is known to be final, or else the newest. Undefined where there is none
 * for that record. Errors: of the sources, where none of them has anything that fits.
 */
export async function chooseAnchor(
  sources: readonly TileSource[],
  wanted: Wanted,
  trust: OpenedTrust,
): Promise<AnchorProof | undefined> {
  const rows = trust.trust.anchors ?? [];
  const known = new Set<string>([...rows.flatMap(({ blocks }) => blocks), ...trust.blockHashes]);
  const fits = (found: AnchorProof | undefined): found is AnchorProof =>
    found?.log === wanted.log &&
    found.size > wanted.index &&
    found.size <= wanted.within &&
    rows.some(({ chain, contract }) => chain === found.chain && contract === found.contract);
  const newest = await readAnchor(sources, "newest");
  const near = [newest, wanted.held].filter(fits);
  const best = near.find(({ block }) => known.has(block));
  if (best !== undefined) return best;
  for (const block of knownBlocks(trust)) {
    const found = await readAnchor(sources, block);
    if (fits(found)) return found;
  }
  return near[0] ?? wanted.held;
}

/** The first good one that a source has. What is there and is no proof, is not there. Errors: those of the sources. */
export async function readAnchor(sources: readonly TileSource[], place: AnchorPlace): Promise<AnchorProof | undefined> {
  for (const source of sources) {
    const bytes = await source(anchorPath(place));
    const anchor = bytes === undefined ? undefined : goodAnchor(bytes);
    if (anchor !== undefined) return anchor;
  }
  return undefined;
}

function goodAnchor(bytes: Uint8Array): AnchorProof | undefined {
  try {
    const anchor = openAnchor(bytes);
    verifyEvent(anchor);
    return anchor;
  } catch (error) {
    if (isQuanjiError(error)) return undefined;
    throw error;
  }
}

/** The form alone. Errors: VERSION_UNKNOWN, FIELD_UNKNOWN, MALFORMED, and those of canonical JSON. */
export function openAnchor(bytes: string | Uint8Array): AnchorProof {
  const json = parseCanonical(withoutFinalNewline(bytes), ANCHOR_LIMITS);
  if (json["v"] !== "quanji.anchor.v1") refuse("VERSION_UNKNOWN", "the file's version is not quanji.anchor.v1");
  return parseWith(AnchorProof, json);
}

/** The anchored head with what leads from it to a checkpoint of that size, or back. Errors: INDEX_RANGE, those of the tiles. */
export async function consistencyFor(anchor: AnchorProof, size: number, node: ReadNode): Promise<AnchoredHead> {
  const [from, to] = anchor.size <= size ? [anchor.size, size] : [size, anchor.size];
  return { anchor, consistency: (await consistencyProof(from, to, node)).map(hashText) };
}
