/** What a gateway asks of a witness about the tips of chains: all of them at one block, so that several witnesses can sign one text. */
import { parseWith } from "@quanji/chaincode/domain";
import { z } from "zod";

export const MAX_HEADS = 128;
/** A chain takes some 400 bytes. */
export const MAX_HEADS_BYTES = 128 * 1024;

const digest = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "43 characters of base64url");

export const HeadsRequest = z.strictObject({
  v: z.literal("quanji.heads.v1"),
  /** The block after which the chains are to be stated. */
  block: z.strictObject({ number: z.int().min(0), hash: digest }),
  /** The notes' `time`, seconds since 1970. */
  time: z.int().min(0),
  chains: z
    .array(
      z.strictObject({
        /** Of the chain: a log's origin, the network, or `<net>/org-<MSP>`. */
        scope: z.string().min(1).max(256),
        /** h₀. */
        start: digest,
        /** Private key of the stored head; absent where the object is public. Its SHA-256 is what blocks show. */
        name: z.string().min(1).max(512).optional(),
        /** The grant's id, for its command chain alone: its stop is looked up by it. */
        grant: z.string().min(1).max(64).optional(),
        /** The resource's id, for the chain of what was erased of its records: no stop waits for that one. */
        openings: z.string().min(1).max(128).optional(),
        /** Kind and id of another chain of a collection, for which no stop waits either. */
        object: z
          .strictObject({
            kind: z.enum(["acts", "offer", "contract", "books", "disclosures"]),
            id: z.string().min(1).max(128),
          })
          .optional(),
        /** The collection's blinding secret as it is stored, for a private chain that was never touched: it proves the name. */
        secret: z.string().min(1).max(512).optional(),
      }),
    )
    .min(1)
    .max(MAX_HEADS),
});
export type HeadsRequest = z.infer<typeof HeadsRequest>;
export type AskedChain = HeadsRequest["chains"][number];

/** Errors: MALFORMED, naming the member. */
export function parseHeadsRequest(text: string): HeadsRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined; // the schema says what is wanted
  }
  return parseWith(HeadsRequest, json);
}
