/**
 * Data subjects 数据主体: whom a use concerns. A record names a person by a tag, which is an HMAC under a key that the
 * resource's steward has for the quarter, so that records of one person are linked within a quarter and a steward, and no
 * further. What is public of a key is its commitment; the key itself lies in escrow, sealed to the regulator.
 */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import { Digest, Kid, PartyId } from "./ids.js";
import type { Resource } from "./resource.js";
import type { CommandFacts } from "./shared.js";
import { Committed, Net } from "./shared.js";
import { msOf, offsetMs } from "./time.js";

/** A calendar quarter in the network's time zone: `2026Q4`. */
export const Quarter = z.string().regex(/^20\d{2}Q[1-4]$/, "a quarter such as 2026Q4");

/** Most persons that one access can name; more are a bulk use. */
export const MAX_SUBJECTS = 64;

/** HMAC-SHA-256 of a person's identifier, base64url. */
export const Tag = Digest;
/** Whom an access concerns: rising, so that one set has one form. */
export const Tags = z
  .array(Tag)
  .min(1)
  .max(MAX_SUBJECTS)
  .refine(
    (tags) => tags.every((tag, i) => i === 0 || (tags[i - 1] ?? "") < tag),
    "tags stand in rising order, each once",
  );
export type Tags = z.infer<typeof Tags>;

/**
 * What the record of an access says of whom it is about. Errors: MALFORMED: tags for a resource that is about nobody.
 */
export function subjectsOf(resource: Pick<Resource, "subjectKind">, tags: Tags | undefined): Subjects | undefined {
  if (resource.subjectKind !== "none") return tags ?? "bulk";
  if (tags === undefined) return undefined;
  throw new QuanjiError("MALFORMED", "the resource is about nobody: an access to it names no subjects", {
    field: "subjects",
  });
}

/** `bulk`: about persons or organisations, not tagged one by one. */
export const Subjects = z.union([z.literal("bulk"), Tags]);
export type Subjects = z.infer<typeof Subjects>;

export const sameSubjects = (a: Subjects | undefined, b: Subjects | undefined): boolean =>
  (typeof a === "object" ? a.join() : a) === (typeof b === "object" ? b.join() : b);

/** A steward's key of a quarter. `escrow` commits to the key, encrypted to the regulator's key `recipient`. */
export const PartyTagKey = z.strictObject({
  ...Net,
  party: PartyId,
  quarter: Quarter,
  commitment: Digest,
  recipient: Kid,
  escrow: Committed,
});
/** The regulator says, before it does so, that it opens a steward's key, and why. */
export const PartyOpenTagKey = z.strictObject({ ...Net, party: PartyId, quarter: Quarter, ground: Committed });

export interface TagKey {
  readonly quarter: string;
  /** SHA-256(0x06 ‖ key ‖ JCS([net, steward, quarter])). */
  readonly commitment: string;
  /** The regulator's escrow key, `<party>#<thumbprint>`. */
  readonly recipient: string;
  /** Commitment to the JWE; its opening lies in the private collection of the gateway that took the command. */
  readonly escrow: string;
  /** The command's request hash. */
  readonly request: string;
  /** How often the escrow was declared to be used. */
  readonly opened: number;
}

/** Sixteen years. */
const MAX_TAG_KEYS = 64;

/** Errors: STATE_CONFLICT: the quarter has a key, which every tag of it was made with. */
export function addTagKey(
  keys: readonly TagKey[],
  { quarter, commitment, recipient, escrow }: z.infer<typeof PartyTagKey>,
  { request }: Pick<CommandFacts, "request">,
): readonly TagKey[] {
  if (keys.some((key) => key.quarter === quarter)) {
    throw new QuanjiError("STATE_CONFLICT", "the quarter has a tag key already", { field: "quarter" });
  }
  if (keys.length >= MAX_TAG_KEYS)
    throw new QuanjiError("STATE_CONFLICT", `a party has at most ${MAX_TAG_KEYS} tag keys`);
  return [...keys, { quarter, commitment, recipient, escrow, request, opened: 0 }];
}

/** Errors: STATE_CONFLICT: there is no such key. */
export function openTagKey(keys: readonly TagKey[], quarter: string): readonly TagKey[] {
  if (!keys.some((key) => key.quarter === quarter)) {
    throw new QuanjiError("STATE_CONFLICT", "the party has no tag key of that quarter", { field: "quarter" });
  }
  return keys.map((key) => (key.quarter === quarter ? { ...key, opened: key.opened + 1 } : key));
}

/** The quarter that a moment lies in. */
export function quarterOf(ms: number, timeZone: string): string {
  const local = new Date(ms + offsetMs(timeZone));
  return `${local.getUTCFullYear()}Q${Math.floor(local.getUTCMonth() / 3) + 1}`;
}

/** From its first moment to the first of the next one, ms since 1970. */
export function quarterBounds(quarter: string, timeZone: string): { readonly fromMs: number; readonly toMs: number } {
  const [year, month] = [Number(quarter.slice(0, 4)), (Number(quarter.slice(5)) - 1) * 3];
  const shift = offsetMs(timeZone);
  return { fromMs: Date.UTC(year, month, 1) - shift, toMs: Date.UTC(year, month + 3, 1) - shift };
}

/** Day of the network's calendar. */
export const dayOf = (ms: number, timeZone: string): string =>
  new Date(ms + offsetMs(timeZone)).toISOString().slice(0, 10);

/** A moment's day begins here. */
export const dayStartMs = (ms: number, timeZone: string): number =>
  msOf(`${dayOf(ms, timeZone)}T00:00:00.000Z`) - offsetMs(timeZone);
