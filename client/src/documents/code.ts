/** A document's code: 130 random bits in Crockford's base32. Whoever has it may look the document up; nobody finds it by trying. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 26;

export function newCode(random: (n: number) => Uint8Array): string {
  const bytes = random(LENGTH);
  return Array.from(bytes.subarray(0, LENGTH), (byte) => ALPHABET.charAt(byte & 31)).join("");
}

/** As people type it: small letters, hyphens and spaces, and what looks alike. @see Crockford, Base 32 */
export const typedCode = (text: string): string =>
  text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
