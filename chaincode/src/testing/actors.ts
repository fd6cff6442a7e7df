/** Test support: parties that sign. Keys are made anew in each run; nothing of this is part of the product. */
import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from "node:crypto";
import {
  type Algorithm,
  algorithmOf,
  type CommandHeader,
  commit,
  ethereumKeyOf,
  type FlattenedJws,
  type Json,
  type Opening,
  type Openings,
  parsePublicJwk,
  type PublicJwk,
  signJws,
  signTyped,
  thumbprint,
  typOf,
} from "../log/index.js";

export interface Actor {
  readonly party: string;
  readonly jwk: PublicJwk;
  readonly kid: string;
  sign(input: Uint8Array): Uint8Array;
}

export function actor(party: string, alg: Algorithm = "ES256"): Actor {
  if (alg === "EIP712") return ethereumActor(party, randomBytes(32));
  const pair = alg === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  return actorOf(party, pair.privateKey);
}

export function actorOf(party: string, privateKey: KeyObject): Actor {
  const { kty, crv, x, y } = privateKey.export({ format: "jwk" });
  const jwk = parsePublicJwk(JSON.parse(JSON.stringify({ kty, crv, x, y })) as Json);
  return {
    party,
    jwk,
    kid: `${party}#${thumbprint(jwk)}`,
    sign: (input) =>
      jwk.kty === "EC"
        ? sign("sha256", input, { key: privateKey, dsaEncoding: "ieee-p1363" })
        : sign(null, input, privateKey),
  };
}

/** `secret` is a scalar below the order of secp256k1, as 32 random bytes are. */
export function ethereumActor(party: string, secret: Uint8Array): Actor {
  const jwk = ethereumKeyOf(secret);
  return { party, jwk, kid: `${party}#${thumbprint(jwk)}`, sign: (input) => signTyped(input, secret) };
}

export interface SignOptions {
  readonly url: string;
  readonly iat: number;
  readonly jti?: string;
  readonly header?: Partial<CommandHeader>;
}

export function signCommand(by: Actor, verb: string, payload: object, options: SignOptions): Promise<FlattenedJws> {
  const header: CommandHeader = {
    alg: algorithmOf(by.jwk),
    iat: options.iat,
    jti: options.jti ?? randomUUID(),
    kid: by.kid,
    typ: typOf(verb),
    url: options.url,
    ...options.header,
  };
  return signJws(header, payload, (input) => by.sign(input), { maxBytes: 1024 * 1024, maxDepth: 32 });
}

export const randomText = (bytes: number): string => randomBytes(bytes).toString("base64url");

/** A commitment to `value` as a member of a command by `kid` and `jti`, with its opening. */
export function committed(
  kid: string,
  jti: string,
  path: string,
  value: Json,
): { commitment: string; openings: Openings } {
  const opening: Opening = { salt: randomText(32), value };
  return { commitment: commit([kid, jti], path, opening), openings: { [path]: opening } };
}
