/**
 * The edge verifies a request's signature before it records, the chaincode verifies it again. Where both are one process, the
 * second check may take the first one's answer: the edge vouches for exactly this key, these bytes and this signature.
 * Between organisations each checks for itself, for no voucher leaves the process.
 */
import {
  type CommandHeader,
  hashText,
  type ParsedJws,
  type PublicJwk,
  sha256,
  toBase64url,
  type VerifySignature,
} from "@quanji/chaincode/log";

/** Vouchers that wait for their second check: more than requests are ever in flight. Some 250 bytes each. */
const MAX_WAITING = 20_000;

/** Names key, bytes and signature; each part is of fixed length or without spaces, so no two checks share a name. */
const nameOf = (jwk: PublicJwk, request: string, signature: string): string =>
  `${jwk.crv} ${jwk.x} ${jwk.kty === "EC" ? jwk.y : ""} ${request} ${signature}`;

/** The edge's half. */
export class Vouchers {
  #names: string[] = [];

  /** Call it only for what has been verified under that key. `request`: SHA-256 of what was signed. */
  add(jwk: PublicJwk, { request, jws }: Pick<ParsedJws<CommandHeader>, "request" | "jws">): void {
    if (this.#names.length < MAX_WAITING) this.#names.push(nameOf(jwk, request, jws.signature));
  }

  /** All that were added since the last call. */
  take(): readonly string[] {
    const names = this.#names;
    this.#names = [];
    return names;
  }
}

/** The chaincode's half: each voucher spares one check. */
export class VouchedVerifier {
  readonly #verify: VerifySignature;
  /** Oldest first. */
  readonly #names = new Set<string>();

  constructor(verify: VerifySignature) {
    this.#verify = verify;
  }

  accept(names: readonly string[]): void {
    for (const name of names) {
      if (this.#names.size >= MAX_WAITING) {
        const [oldest = ""] = this.#names;
        this.#names.delete(oldest);
      }
      this.#names.add(name);
    }
  }

  readonly verify: VerifySignature = (jwk, data, signature) => {
    const vouched = this.#names.delete(nameOf(jwk, hashText(sha256(data)), toBase64url(signature)));
    return vouched ? Promise.resolve(true) : this.#verify(jwk, data, signature);
  };
}
