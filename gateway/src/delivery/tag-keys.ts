/** The tag keys that a steward lends the gateway that serves its data: a file beside the sources, read anew for each delivery. */
import path from "node:path";
import { type Party, quarterOf, type TagKey } from "@quanji/chaincode/domain";
import { subjectTag, tagKeyCommitment } from "@quanji/chaincode/log";
import { readTagKeys, tagKeyOf, type TagKeyRing } from "@quanji/client";
import { sourceFailed } from "./row.js";
import type { TagsOf } from "./subjects.js";

/** What clocks of requester and ledger may differ by, ms: a tag of the quarter that just ended counts as well. */
const GRACE_MS = 120_000;

export interface TagKeyPlace {
  readonly folder: string;
  /** Relative to the folder. */
  readonly file: string;
  readonly net: string;
  readonly timeZone: string;
  /** Whose keys they are. */
  readonly steward: Pick<Party, "id"> & { readonly tagKeys?: readonly TagKey[] };
}

/**
 * Tags at a moment of ledger time. Only keys that the steward has registered count: with another, every tag would be wrong.
 * Errors: SOURCE_FAILED · TAG_KEYS: the file cannot be read, is another's, or has no registered key of the quarter.
 */
export async function tagsAt(place: TagKeyPlace, timeMs: number): Promise<TagsOf> {
  const { folder, file, net, timeZone, steward } = place;
  const ring = await readTagKeys(path.resolve(folder, file)).catch((cause: unknown) => {
    throw sourceFailed("the steward's tag keys cannot be read", "TAG_KEYS", { cause });
  });
  if (ring.net !== net || ring.party !== steward.id) throw sourceFailed("the tag keys are another's", "TAG_KEYS");
  const now = quarterOf(timeMs, timeZone);
  const quarters = new Set([timeMs - GRACE_MS, timeMs + GRACE_MS].map((ms) => quarterOf(ms, timeZone)));
  const keys = [...quarters].filter((quarter) => isRegistered(ring, quarter, place));
  if (!keys.includes(now)) throw sourceFailed(`there is no registered tag key of ${now} here`, "TAG_KEYS");
  return (identifier) => keys.map((quarter) => subjectTag(tagKeyOf(ring, quarter), identifier));
}

function isRegistered(ring: TagKeyRing, quarter: string, { net, steward }: TagKeyPlace): boolean {
  const registered = steward.tagKeys?.find((key) => key.quarter === quarter);
  if (registered === undefined || !Object.hasOwn(ring.keys, quarter)) return false;
  return tagKeyCommitment(tagKeyOf(ring, quarter), net, steward.id, quarter) === registered.commitment;
}
