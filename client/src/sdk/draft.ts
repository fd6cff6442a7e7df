/** A command between two programs: prepared here, signed by a wallet somewhere else, completed and sent here. */
import { isVerb, limitsOf, OpeningsSchema, parseWith, QuanjiError, type Verb } from "@quanji/chaincode/domain";
import {
  type EthereumJwk,
  type JsonObject,
  type Openings,
  parseCommandJws,
  partyOf,
  thumbprint,
  thumbprintOf,
  type TypedData,
  typedCommand,
  verbOf,
} from "@quanji/chaincode/log";
import { z } from "zod";
import { finishCommand, type SignedCommand, type UnsignedCommand } from "./command.js";
import { accountsOf, parseWalletSignature, signedBy } from "./wallet.js";

/** Keep it as private as the command itself: openings are what is committed to. */
const Draft = z.strictObject({
  v: z.literal("quanji.draft.v1"),
  header: z.strictObject({
    alg: z.literal("EIP712"),
    iat: z.int().min(0),
    jti: z.string(),
    kid: z.string(),
    typ: z.string(),
    url: z.string(),
  }),
  payload: z.record(z.string(), z.json()),
  openings: OpeningsSchema.optional(),
});
export type Draft = z.infer<typeof Draft>;

export interface Prepared {
  /** JSON, to be given to {@link completeDraft}. */
  readonly draft: Draft;
  /** JSON, to be given to a wallet. */
  readonly typedData: TypedData;
}

export const draftOf = (command: UnsignedCommand & { readonly header: { readonly alg: string } }): Prepared => ({
  draft: { v: "quanji.draft.v1", ...command } as unknown as Draft,
  typedData: typedCommand(command.header, command.payload),
});

export interface Completed {
  readonly verb: Verb;
  readonly signed: SignedCommand;
  /** Who signed. */
  readonly party: string;
  readonly jwk: EthereumJwk;
}

/**
 * Puts a wallet's signature (`0x…`) under a draft. Its key is recovered from it and has to be the one that the draft is for.
 * Errors: MALFORMED for what is no draft or no signature, SIGNATURE_INVALID for that of another account.
 */
export async function completeDraft(input: unknown, signature: string): Promise<Completed> {
  const { header, payload, openings } = parseWith(Draft, input);
  const verb = verbOf(header.typ);
  if (!isVerb(verb)) throw new QuanjiError("MALFORMED", "there is no such command", { field: "header.typ" });
  const data = typedCommand(header, payload as JsonObject);
  const answer = parseWalletSignature(signature);
  const accounts = accountsOf(data, answer);
  const jwk = accounts.find((one) => thumbprint(one) === thumbprintOf(header.kid));
  if (jwk === undefined) {
    throw new QuanjiError("SIGNATURE_INVALID", "another account signed, or the one of the key signed something else");
  }
  const command = {
    header,
    payload: payload as JsonObject,
    ...(openings !== undefined && { openings: openings as Openings }),
  };
  const signed = await finishCommand(command, () => signedBy(jwk, data, answer), limitsOf(verb));
  parseCommandJws(signed.jws, limitsOf(verb)); // the draft may be anybody's
  return { verb, signed, party: partyOf(header.kid), jwk };
}
