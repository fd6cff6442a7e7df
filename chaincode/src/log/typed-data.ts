/**
 * What an Ethereum key signs: EIP-712 typed data, so that a wallet shows its owner a command member by member instead of a hash.
 * @see https://eips.ethereum.org/EIPS/eip-712
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { QuanjiError } from "../domain/errors.js";
import { concat, utf8 } from "./bytes.js";
import type { Json, JsonObject } from "./canonical.js";
import { sha256Utf8 } from "./hash.js";
import { type CommandHeader, type ParsedJws, verbOf } from "./jws.js";
import { possessionInput, type PublicJwk, thumbprint } from "./keys.js";

type MemberType = "string" | "string[]" | "uint64" | "bytes32";

export interface TypedMember {
  readonly name: string;
  readonly type: MemberType;
}

/** What `eth_signTypedData_v4` takes, as JSON. `bytes32` is `0x` and 64 hexadecimal digits. */
export interface TypedData {
  readonly types: Readonly<Record<string, readonly TypedMember[]>>;
  readonly primaryType: string;
  readonly domain: Readonly<Record<string, string>>;
  readonly message: Readonly<Record<string, string | number | readonly string[]>>;
}

const member = (name: string, type: MemberType = "string"): TypedMember => ({ name, type });

/** No `chainId` and no `verifyingContract`: no chain is concerned. The salt keeps networks apart. */
const DOMAIN = [member("name"), member("version"), member("salt", "bytes32")];

const COMMAND = [
  member("verb"),
  member("net"),
  member("payload", "string[]"),
  member("kid"),
  member("url"),
  member("iat", "uint64"),
  member("jti"),
];

const POSSESSION = [member("net"), member("party"), member("thumbprint")];

const typed = (
  net: string,
  primaryType: string,
  members: readonly TypedMember[],
  message: TypedData["message"],
): TypedData => ({
  types: { EIP712Domain: DOMAIN, [primaryType]: members },
  primaryType,
  domain: { name: "Quanji", version: "1", salt: toHex(sha256Utf8(net)) },
  message,
});

/** Errors: MALFORMED · JWS_SHAPE, for a payload that names no network. */
export function typedCommand(header: CommandHeader, payload: JsonObject): TypedData {
  const { net } = payload;
  if (typeof net !== "string") {
    throw new QuanjiError("MALFORMED", "the payload names its network", { detail: "JWS_SHAPE", field: "net" });
  }
  const { iat, jti, kid, typ, url } = header;
  return typed(net, "Command", COMMAND, { verb: verbOf(typ), net, payload: contentLines(payload), kid, url, iat, jti });
}

/** Says that its holder has an Ethereum key which is to be registered. */
export const typedPossession = (net: string, party: string, jwk: PublicJwk): TypedData =>
  typed(net, "Possession", POSSESSION, { net, party, thumbprint: thumbprint(jwk) });

/** What a new key signs to prove that its holder has it (party.rotateKey). */
export const possessionBytes = (net: string, party: string, jwk: PublicJwk): Uint8Array =>
  jwk.crv === "secp256k1" ? typedBytes(typedPossession(net, party, jwk)) : possessionInput(net, party, jwk);

/**
 * A payload as its owner reads it, one line for each value: `terms/purposes/0: "credit.review"`, in canonical order. No two
 * payloads have the same lines: names of members have no `/`, no `:`, and do not begin with a digit, as positions in lists do.
 */
export function contentLines(payload: JsonObject): readonly string[] {
  const lines: string[] = [];
  const visit = (path: string, value: Json): void => {
    if (typeof value !== "object") {
      lines.push(`${path}: ${JSON.stringify(value)}`);
      return;
    }
    const entries = Object.entries(value as JsonObject).map(([name, item]) => [`${path}/${name}`, item] as const);
    if (!Array.isArray(value)) entries.sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 0) lines.push(`${path}: ${Array.isArray(value) ? "[]" : "{}"}`);
    for (const [inner, item] of entries) visit(inner, item);
  };
  for (const name of Object.keys(payload).sort()) visit(name, payload[name] as Json);
  return lines;
}

/** What a command's signature is over: `protected.payload`, or with `EIP712` the 66 bytes of {@link typedBytes}. */
export const signedBytes = ({
  header,
  payload,
  signingInput,
}: Pick<ParsedJws<CommandHeader>, "header" | "payload" | "signingInput">): Uint8Array =>
  header.alg === "EIP712" ? typedBytes(typedCommand(header, payload)) : signingInput;

/** `0x19 0x01 ‖ domain separator ‖ hashStruct(message)`, 66 bytes: their Keccak-256 is the digest that is signed. */
export const typedBytes = ({ types, primaryType, domain, message }: TypedData): Uint8Array =>
  concat(
    Uint8Array.of(0x19, 0x01),
    hashStruct("EIP712Domain", types["EIP712Domain"] ?? [], domain),
    hashStruct(primaryType, types[primaryType] ?? [], message),
  );

function hashStruct(name: string, members: readonly TypedMember[], values: TypedData["message"]): Uint8Array {
  const type = `${name}(${members.map((one) => `${one.type} ${one.name}`).join(",")})`;
  return keccak_256(concat(hashOf(type), ...members.map((one) => encode(one, values[one.name]))));
}

const hashOf = (text: string): Uint8Array => keccak_256(utf8(text));

/** 32 bytes. */
function encode({ name, type }: TypedMember, value: TypedData["message"][string] | undefined): Uint8Array {
  if (type === "string" && typeof value === "string") return hashOf(value);
  if (type === "string[]" && typeof value === "object") return keccak_256(concat(...value.map(hashOf)));
  if (type === "bytes32" && typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value)) return fromHex(value);
  if (type === "uint64" && Number.isSafeInteger(value) && Number(value) >= 0) {
    return fromHex(`0x${Number(value).toString(16).padStart(64, "0")}`);
  }
  throw new QuanjiError("MALFORMED", "typed data misses a member of its type", { detail: "JWS_SHAPE", field: name });
}

const toHex = (bytes: Uint8Array): string =>
  `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.slice(2).match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
