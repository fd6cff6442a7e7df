/** The answer to an access, line by line: a receipt, then data, then the gateway's account of what it sent. */
import { parseWith } from "@quanji/chaincode/domain";
import { type FlattenedJws, fromBase64, fromUtf8, type VerifySignature } from "@quanji/chaincode/log";
import { z } from "zod";
import { type GatewayKey, mismatch, openSigned, parseJson } from "./answer.js";
import { digester } from "./engine.js";
import { transportFault } from "./transport.js";

export const DELIVERY_TYP = "quanji-delivery+jws";

const Jws = z.strictObject({ payload: z.string(), protected: z.string(), signature: z.string() });
const Line = z.discriminatedUnion("t", [
  z.strictObject({ t: z.literal("receipt"), receipt: Jws }),
  z.strictObject({ t: z.literal("data"), b: z.string() }),
  z.strictObject({ t: z.literal("end"), delivery: Jws }),
]);
export type AccessLine = z.infer<typeof Line>;

/** What the gateway says it sent. */
const Account = z.object({
  request: z.string(),
  /** SHA-256 of the data, base64url. */
  digest: z.string(),
  bytes: z.int().min(0),
  rows: z.int().min(0),
  outcome: z.enum(["delivered", "partial", "failed", "unknown"]),
  /** Why it ended early. */
  code: z.string().optional(),
});
export type DeliveryAccount = z.infer<typeof Account> & { readonly jws: FlattenedJws };

export function parseLine(bytes: Uint8Array): AccessLine {
  return parseWith(Line, parseJson(fromUtf8(bytes)));
}

export interface StreamExpectation {
  readonly request: string;
  readonly gateway: GatewayKey;
  readonly verify: VerifySignature;
}

/**
 * The data of an access; returns the account once all of it has come and agrees with it. The last chunk is yielded before
 * that can be known: whoever must not act on wrong data waits for the end. Errors: UNREACHABLE · CUT (no `end`);
 * ANSWER_MISMATCH · DIGEST_MISMATCH, REQUEST_MISMATCH, LINE_EMPTY.
 */
export async function* dataOf(
  lines: AsyncGenerator<Uint8Array, void, void>,
  expected: StreamExpectation,
): AsyncGenerator<Uint8Array, DeliveryAccount, void> {
  const digest = digester();
  let bytes = 0;
  try {
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
      const line = parseLine(next.value);
      if (line.t === "end") return await settle(line.delivery, { bytes, digest: await digest.digest() }, expected);
      if (line.t === "receipt") throw mismatch("a second receipt came in the middle of the data", "TYP_MISMATCH");
      const chunk = fromBase64(line.b);
      // Lines that bring nothing could go on for ever.
      if (chunk.length === 0) throw mismatch("a line of data is empty", "LINE_EMPTY");
      digest.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  } finally {
    await lines.return();
  }
  throw transportFault("the data broke off before their end", "CUT");
}

async function settle(
  input: FlattenedJws,
  came: { readonly bytes: number; readonly digest: string },
  { request, gateway, verify }: StreamExpectation,
): Promise<DeliveryAccount> {
  const { payload, jws } = await openSigned(input, DELIVERY_TYP, gateway, verify);
  const account = parseWith(Account, payload);
  if (account.request !== request) throw mismatch("this is the account of another access", "REQUEST_MISMATCH");
  if (account.digest !== came.digest || account.bytes !== came.bytes) {
    throw mismatch("the data that came are not those that the gateway says it sent", "DIGEST_MISMATCH");
  }
  return { ...account, jws };
}
