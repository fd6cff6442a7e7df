/** What witnesses tell each other: a block note of their own, and those of others that contradict their own peer. */
import { parseWith } from "@quanji/chaincode/domain";
import { z } from "zod";

export const MAX_EXCHANGE_BYTES = 64 * 1024;
const MAX_HEARD = 64;

/** A note of four lines and a signature has some 400 bytes. */
const Note = z.string().max(2048);

export const Exchanged = z.strictObject({
  v: z.literal("quanji.blocks.v1"),
  /** Signed by who sends it. */
  note: Note,
  /** Signed by others: who receives one asks them itself. */
  heard: z.array(Note).max(MAX_HEARD),
});
export type Exchanged = z.infer<typeof Exchanged>;

/** Errors: MALFORMED, naming the member. */
export function parseExchanged(text: string): Exchanged {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined; // the schema says what is wanted
  }
  return parseWith(Exchanged, json);
}

export const formatExchanged = (note: string, heard: readonly string[]): string =>
  JSON.stringify({ v: "quanji.blocks.v1", note, heard: heard.slice(0, MAX_HEARD) } satisfies Exchanged);
