/** What the recorder hands over, parsed: nothing of it is believed that the chaincode can check itself. */
import { z } from "zod";
import { Digest, Instant, LogOrigin, OpeningsSchema, OUTCOMES, parseWith, QuanjiError, Uuid } from "../domain/index.js";
import { sha256Text } from "../log/index.js";
import type { BatchInput } from "../world/stored.js";

/** Endorsers hold a batch in memory several times; the recorder stops at a quarter of this. */
const MAX_BATCH_CHARACTERS = 8 * 1024 * 1024;
export const MAX_RECORDS = 1000;

const count = z.int().min(0);
const Nonce = z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/);
const Jws = z.strictObject({ payload: z.string(), protected: z.string(), signature: z.string() });
const item = {
  id: Uuid,
  time: Instant,
  nonce: Nonce,
  salts: z.strictObject({ grant: Digest, party: Digest, resource: Digest }),
};

const Batch = z.strictObject({
  nonce: Digest,
  records: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("access"), ...item, request: Jws, openings: OpeningsSchema.optional() }),
        z.strictObject({ type: z.literal("void"), ...item, request: Jws }),
        z.strictObject({ type: z.literal("tally"), ...item, request: Jws }),
        z.strictObject({ type: z.literal("acceptance"), ...item, request: Jws, delivery: count, first: count }),
        z.strictObject({
          type: z.literal("index"),
          ...item,
          before: count,
          first: count,
          root: Digest,
          size: count,
          seed: Digest,
        }),
        z.strictObject({
          type: z.literal("delivery"),
          ...item,
          access: count,
          first: count,
          bytes: count,
          digest: Digest,
          masked: z.array(z.string().regex(/^[ -~]{1,200}$/)).max(128),
          outcome: z.enum(OUTCOMES),
          rows: count,
        }),
      ]),
    )
    .min(1)
    .max(MAX_RECORDS),
});

export const BatchArgumentsSchema = z.strictObject({ log: LogOrigin, size: count, root: Digest, digest: Digest });

/** The argument digest binds the exact bytes. Errors: MALFORMED. */
export function parseBatch(text: string | undefined, digest: string): BatchInput {
  if (text === undefined || text.length > MAX_BATCH_CHARACTERS || sha256Text(text) !== digest) {
    throw new QuanjiError("MALFORMED", "transient batch is absent, too large, or not the one that the digest names");
  }
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw new QuanjiError("MALFORMED", "transient batch is not JSON", { cause });
  }
  return parseWith(Batch, input) as BatchInput;
}
