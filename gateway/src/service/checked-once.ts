/**
 * The edge parses and verifies a request before it records, the chaincode does it again. Where both run in one process, the
 * second may take the first one's answer: for the same bytes, the same signature, the same key. Between organisations each
 * checks for itself, for nothing of this leaves the process.
 */
import {
  type CommandHeader,
  type FlattenedJws,
  parseCommandJws,
  type ParsedJws,
  type PublicJwk,
  type VerifySignature,
} from "@quanji/chaincode/log";

/** Requests that wait for their second check: more than are ever in flight. Some 4 KB each. */
const MAX_KNOWN = 12_000;

interface Known {
  readonly parsed: ParsedJws<CommandHeader>;
  readonly jwk: PublicJwk;
}

export class CheckedOnce {
  readonly #verify: VerifySignature;
  /** By the signature's text; all else is compared. Oldest first. */
  readonly #known = new Map<string, Known>();
  /** By the very bytes that {@link check} verified. */
  readonly #byInput = new WeakMap<Uint8Array, Known>();

  constructor(verify: VerifySignature) {
    this.#verify = verify;
  }

  /** The edge's check. Only what verified is remembered, so strangers cannot fill the memory. */
  readonly check = async (jwk: PublicJwk, parsed: ParsedJws<CommandHeader>): Promise<boolean> => {
    const right = await this.#verify(jwk, parsed.signingInput, parsed.signature);
    if (right) this.#remember({ parsed, jwk });
    return right;
  };

  /** {@link parseCommandJws}, which has been done for a request that is remembered. */
  readonly parse = (jws: FlattenedJws): ParsedJws<CommandHeader> => {
    const known = this.#known.get(jws.signature)?.parsed;
    const same = known?.jws.payload === jws.payload && known.jws.protected === jws.protected;
    return same && Object.keys(jws).length === 3 ? known : parseCommandJws(jws);
  };

  /** The chaincode's check. What {@link check} found good of the very same objects is taken over, once. */
  readonly verify: VerifySignature = (jwk, data, signature) => {
    const known = this.#byInput.get(data);
    if (known?.parsed.signature !== signature || !sameKey(known.jwk, jwk)) return this.#verify(jwk, data, signature);
    this.#forget(known);
    return Promise.resolve(true);
  };

  #remember(known: Known): void {
    const [oldest] = this.#known.values();
    if (oldest !== undefined && this.#known.size >= MAX_KNOWN) this.#forget(oldest);
    this.#known.set(known.parsed.jws.signature, known);
    this.#byInput.set(known.parsed.signingInput, known);
  }

  #forget({ parsed }: Known): void {
    this.#known.delete(parsed.jws.signature);
    this.#byInput.delete(parsed.signingInput);
  }
}

const sameKey = (a: PublicJwk, b: PublicJwk): boolean =>
  a.kty === b.kty && a.x === b.x && (a.kty === "EC" ? a.y : "") === (b.kty === "EC" ? b.y : "");
