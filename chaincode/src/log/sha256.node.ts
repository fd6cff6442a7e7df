import { createHash } from "node:crypto";

/** SHA-256 by the engine: about five times as fast as the portable one, with the same results (see `hash.test.ts`). */
export const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(data).digest());
