/**
 * Verifier keys of signed notes: `<name>+<key id, 8 hex digits>+<base64 of type ‖ public key>`. Name and key id together
 * identify a key; the type byte goes into the id, so that one key under two types is two keys.
 * @see C2SP signed-note, Verifier keys
 */
import { QuanjiError } from "../domain/errors.js";
import { concat, fromBase64, fromBase64url, toBase64, toBase64url, utf8 } from "./bytes.js";
import { sha256 } from "./hash.js";
import { assertStrongEd25519, type PublicJwk } from "./keys.js";
import { isName, malformed, readText } from "./text.js";

/** What a key's signature is over: the text itself (logs, heads), or `cosignature/v1`, a time and the text (witnesses). */
export const NOTE_TYPES = { ed25519: 0x01, cosignature: 0x04 } as const;
export type NoteType = (typeof NOTE_TYPES)[keyof typeof NOTE_TYPES];

export interface NoteKey {
  readonly name: string;
  readonly type: NoteType;
  /** First four bytes of SHA-256(name ‖ LF ‖ type ‖ key), big-endian. An address, not a fingerprint. */
  readonly id: number;
  readonly jwk: PublicJwk;
}

const MAX_VKEY = 1024;

/** Errors: MALFORMED · VKEY_MALFORMED (name), KEY_WEAK. */
export function noteKey(name: string, type: NoteType, publicKey: Uint8Array): NoteKey {
  if (!isName(name)) malformed("VKEY_MALFORMED", "a key's name has at least one character, no space and no plus");
  assertStrongEd25519(publicKey);
  const id = readKeyId(sha256(utf8(name), Uint8Array.of(0x0a, type), publicKey));
  return { name, type, id, jwk: { crv: "Ed25519", kty: "OKP", x: toBase64url(publicKey) } };
}

/** The big-endian number in the first four bytes. */
export const readKeyId = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);

export function formatVkey(key: NoteKey): string {
  const id = key.id.toString(16).padStart(8, "0");
  return `${key.name}+${id}+${toBase64(concat(Uint8Array.of(key.type), fromBase64url(key.jwk.x)))}`;
}

/**
 * A key of the type that the place asks for. Errors: MALFORMED · VKEY_MALFORMED, BASE64_INVALID, ALG_FORBIDDEN (type not
 * known here), KEY_PURPOSE (other type than `type`), KEY_WEAK, KEY_THUMBPRINT (id is not the key's), NOT_UTF8, LIMIT_EXCEEDED.
 */
export function parseVkey(input: unknown, type: NoteType): NoteKey {
  const text = readText(input, MAX_VKEY, "VKEY_MALFORMED");
  // The name has no plus and the base64 may have some, so the first two separate.
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text);
  const [, name, id, encoded] = parts ?? [];
  if (name === undefined || id === undefined) {
    return malformed("VKEY_MALFORMED", "a verifier key is <name>+<key id, eight hex digits>+<base64>");
  }
  const [found, ...publicKey] = fromBase64(encoded);
  if (found !== NOTE_TYPES.ed25519 && found !== NOTE_TYPES.cosignature) {
    throw new QuanjiError("MALFORMED", "note keys are Ed25519: type 01 or 04", { detail: "ALG_FORBIDDEN" });
  }
  assertType(found, type);
  const key = noteKey(name, found, Uint8Array.from(publicKey));
  if (key.id !== parseInt(id, 16)) {
    throw new QuanjiError("MALFORMED", "the key id is not that of the key", { detail: "KEY_THUMBPRINT" });
  }
  return key;
}

/** Errors: MALFORMED · KEY_PURPOSE: a witness key in a log's or head's place, or the reverse. */
export function assertType(found: NoteType, wanted: NoteType): void {
  if (found === wanted) return;
  throw new QuanjiError("MALFORMED", `a note key of type 0${wanted} is needed here, not 0${found}`, {
    detail: "KEY_PURPOSE",
  });
}
