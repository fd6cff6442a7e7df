/** What lies on an embedded ledger's disk, what its events say, and how a text is looked for in bytes. */
import path from "node:path";
import { type Ledger, Store } from "@quanji/gateway/testing";
import type { Spread } from "./ground.js";

const BLOCK_KEY_LENGTH = 13;

/** Of a gateway that is closed. @param data its folder */
export async function spreadOnDisk(data: string): Promise<Spread> {
  const spread = { public: [] as Buffer[], confidential: [] as Buffer[] };
  const store = await Store.open(path.join(data, "ledger"), { sync: false });
  try {
    // Blocks `b<number>`, and private values `b<number><transaction>…`, which only members hold.
    for await (const [key, value] of store.entries("b")) {
      (key.length === BLOCK_KEY_LENGTH ? spread.public : spread.confidential).push(Buffer.from(key), value);
    }
    for (const kind of ["s", "h", "t"]) {
      for await (const [key, value] of store.entries(kind)) spread.public.push(Buffer.from(key), value);
    }
  } finally {
    await store.close();
  }
  return spread;
}

/** A text as it may stand in bytes: plain, in hexadecimal, and within base64 or base64url at each of three alignments. */
export function needlesOf(secret: string): Buffer[] {
  const plain = Buffer.from(secret);
  const encoded = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), plain]).toString("base64url");
    // The first and last characters depend on what stands beside the secret.
    const inner = text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + plain.length) * 8) / 6));
    return [inner, inner.replaceAll("-", "+").replaceAll("_", "/")];
  });
  return [plain, Buffer.from(plain.toString("hex")), ...encoded.map((text) => Buffer.from(text))];
}

/** Payloads of all events so far. */
export async function eventsOf(ledger: Ledger): Promise<string[]> {
  const events: string[] = [];
  const height = await ledger.height();
  for await (const block of ledger.blocks(0)) {
    for (const { event } of block.transactions) if (event !== undefined) events.push(event.payload);
    if (block.number === height - 1) break;
  }
  return events;
}
