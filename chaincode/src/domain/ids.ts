/** Ids and codes of the trade: their spelling, and for parties their check characters. */
import { z } from "zod";
import { QuanjiError } from "./errors.js";

/** Alphabet of GB 32100-2015: digits and capital letters without I, O, S, V, Z. A character's value is its position. */
const SOCIAL_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY";
/** Alphabet of GB 11714 (organisation code), inside the former at positions 9 to 17. */
const ORGANISATION = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ORGANISATION_WEIGHTS = [3, 7, 9, 10, 5, 8, 4, 2];

const URN = /^urn:[a-z0-9][a-z0-9-]{1,31}:[A-Za-z0-9:._-]{1,90}$/;

/** Check character of the first 17 characters of a 统一社会信用代码. @see GB 32100-2015 §5.3 (weights 3^i mod 31) */
function socialCreditCheck(first17: string): string | undefined {
  let sum = 0;
  let weight = 1;
  for (const character of first17) {
    const value = SOCIAL_CREDIT.indexOf(character);
    if (value < 0) return undefined;
    sum += value * weight;
    weight = (weight * 3) % 31;
  }
  return SOCIAL_CREDIT[(31 - (sum % 31)) % 31];
}

/** Check character of the 8 characters of an organisation code: 10 is written X, 11 is written 0. @see GB 11714 */
function organisationCheck(first8: string): string {
  const sum = ORGANISATION_WEIGHTS.reduce(
    (total, weight, i) => total + ORGANISATION.indexOf(first8.charAt(i)) * weight,
    0,
  );
  const check = 11 - (sum % 11);
  return check === 10 ? "X" : check === 11 ? "0" : String(check);
}

export const isSocialCreditCode = (id: string): boolean =>
  id.length === 18 && socialCreditCheck(id.slice(0, 17)) === id[17] && organisationCheck(id.slice(8, 16)) === id[16];

/** Errors: PARTY_ID_INVALID. */
export function assertPartyId(id: string): void {
  if (isSocialCreditCode(id) || URN.test(id)) return;
  throw new QuanjiError(
    "PARTY_ID_INVALID",
    "a party's id is an 18-character 统一社会信用代码 with its check character, or a URN such as urn:uuid:…",
    { field: "party" },
  );
}

const pattern = (regex: RegExp, what: string) => z.string().regex(regex, what);

/** Spelling only; {@link assertPartyId} checks the check characters where a party registers. */
export const PartyId = pattern(/^[A-Za-z0-9:._-]{1,128}$/, "a party id");
export const ResourceId = pattern(/^[a-z]{3}\/[a-z0-9.@-]{1,64}$/, "a resource id such as res/weather.daily");
/** `<id>@<version>`; ids may hold an @ of their own, so the last one counts. */
export const ResourceVersionId = pattern(/^[a-z]{3}\/[a-z0-9.@-]{1,64}@[1-9][0-9]{0,8}$/, "a resource@version");
export const Uuid = pattern(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  "a UUID of version 4 or 7, in lower case",
);
export const Msp = pattern(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, "an MSP id");
export const NetworkId = pattern(/^[a-z0-9][a-z0-9./-]{2,95}$/, "a network name such as quanji.example/szx");
export const GatewayName = pattern(/^[a-z][a-z0-9-]{0,31}$/, "a gateway's name");
/** Log origin: `<net>/<gateway>/<n>`. */
export const LogOrigin = pattern(
  /^[a-z0-9][a-z0-9./-]{2,95}\/[a-z][a-z0-9-]{0,31}\/(0|[1-9][0-9]{0,3})$/,
  "a log's origin",
);
export const Digest = pattern(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "32 bytes in base64url");
/** A party's key: `<party>#<thumbprint>`. */
export const Kid = pattern(/^[A-Za-z0-9:._-]{1,128}#[A-Za-z0-9_-]{43}$/, "a key such as <party>#<thumbprint>");
export const CodeName = pattern(/^[a-z][A-Za-z0-9.-]{0,63}$/, "a code such as credit.review");
export const FieldName = pattern(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, "a field's name");
export const Jurisdiction = pattern(/^([A-Z]{2}|[0-9]{6})$/, "an ISO 3166 country code or a six-digit region code");
/** Printable text of the catalogue, well-formed Unicode compared as bytes: never a person's name. */
export const Title = z.string().min(1).max(200);

/** Of `<net>/<gateway>/<n>`; a network's name may itself have slashes. */
export function splitOrigin(origin: string): { net: string; gateway: string } {
  const parts = origin.split("/");
  return { net: parts.slice(0, -2).join("/"), gateway: parts.at(-2) ?? "" };
}

/** The last @ parts id and version. */
export function splitVersion(text: string): { id: string; version: number } {
  const at = text.lastIndexOf("@");
  return { id: text.slice(0, at), version: Number(text.slice(at + 1)) };
}
