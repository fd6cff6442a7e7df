/** Making signed commands and answers. */
import { QuanjiError } from "../domain/errors.js";
import { toBase64url, utf8 } from "./bytes.js";
import { canonical, type JsonObject, type Limits, LIMITS } from "./canonical.js";
import { type AnswerHeader, assertByPerson, type CommandHeader, type FlattenedJws } from "./jws.js";
import { typedBytes, typedCommand } from "./typed-data.js";

/**
 * Makes a flattened JWS. `sign` gets what is signed ({@link ParsedJws.signingInput}; with EIP712, `signedBytes`) and answers 64 bytes.
 * Errors: MALFORMED · JWS_SHAPE, ALG_FORBIDDEN, profile.
 */
export async function signJws(
  header: CommandHeader | AnswerHeader,
  payload: unknown,
  sign: (signed: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  limits: Limits = LIMITS,
): Promise<FlattenedJws> {
  const protectedText = toBase64url(utf8(canonical(header)));
  const payloadText = toBase64url(utf8(canonical(payload, limits)));
  const signingInput = utf8(`${protectedText}.${payloadText}`);
  const signature = await sign(header.alg === "EIP712" ? typedInput(header, payload as JsonObject) : signingInput);
  if (signature.length !== 64) {
    throw new QuanjiError("MALFORMED", "a signature has 64 bytes (not DER, no recovery bit)", { detail: "JWS_SHAPE" });
  }
  return { payload: payloadText, protected: protectedText, signature: toBase64url(signature) };
}

function typedInput(header: CommandHeader | AnswerHeader, payload: JsonObject): Uint8Array {
  if (!("iat" in header)) {
    throw new QuanjiError("MALFORMED", "an Ethereum key signs commands alone", { detail: "ALG_FORBIDDEN" });
  }
  assertByPerson(header.typ);
  return typedBytes(typedCommand(header, payload));
}
