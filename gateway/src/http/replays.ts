/**
 * Replay protection of reads: a read's jti serves once. State changes keep theirs on the ledger for ever, and accesses
 * their seq; a read leaves no trace there, so the gateway remembers it as long as its iat could still pass, on disk, so
 * that a restart forgets nothing.
 */
import { sha256Text } from "@quanji/chaincode/log";
import { QuanjiError } from "@quanji/chaincode/domain";
import { Level } from "level";

/** iat may lie 60 s in the future and is taken until 60 s after it; the rest is margin. */
const KEEP_MS = 180_000;

export interface Replays {
  /** Errors: COMMAND_REPLAYED. Resolves once the jti is on disk. */
  take(kid: string, jti: string): Promise<void>;
  close(): Promise<void>;
}

export async function openReplays(folder: string, clock: () => number): Promise<Replays> {
  const db = new Level<string, string>(folder);
  await db.open();
  /** Name → time to forget it. Names are inserted as time passes, so the oldest stand first. */
  const seen = new Map<string, number>();
  const entries = (await db.iterator().all()).map(([name, until]): [string, number] => [name, Number(until)]);
  for (const [name, until] of entries.sort((a, b) => a[1] - b[1])) seen.set(name, until);

  const forget = async (now: number): Promise<void> => {
    const old: string[] = [];
    for (const [name, until] of seen) {
      if (until > now) break;
      seen.delete(name);
      old.push(name);
    }
    if (old.length > 0) await db.batch(old.map((key) => ({ type: "del" as const, key })));
  };

  return {
    async take(kid, jti) {
      const now = clock();
      const name = sha256Text(`${kid} ${jti}`);
      if (seen.has(name))
        throw new QuanjiError("COMMAND_REPLAYED", "a read is answered once: sign a new one", { field: "jti" });
      seen.set(name, now + KEEP_MS);
      await db.put(name, String(now + KEEP_MS), { sync: true });
      await forget(now);
    },
    close: () => db.close(),
  };
}
