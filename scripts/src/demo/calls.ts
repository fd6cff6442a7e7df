/** Many accesses, a few at a time, and how each ended. */
import type { Client } from "@quanji/client";

type Access = Parameters<Client["access"]>[0];

export interface Ended {
  /** `permit`, or the code of the denial. */
  readonly outcome: string;
  readonly request?: string;
  readonly rows: number;
  readonly ms: number;
}

const AT_ONCE = 16;

async function one(client: Client, access: Access): Promise<Ended> {
  const start = performance.now();
  try {
    const permitted = await client.access(access);
    const rows = await permitted.rows();
    return { outcome: "permit", request: permitted.request, rows: rows.length, ms: performance.now() - start };
  } catch (error) {
    const { code, request } = error as { readonly code?: unknown; readonly request?: unknown };
    if (typeof code !== "string" || code === "UNREACHABLE" || code === "INTERNAL") throw error;
    return {
      outcome: code,
      rows: 0,
      ms: performance.now() - start,
      ...(typeof request === "string" && { request }),
    };
  }
}

export async function callAll(client: Client, accesses: readonly Access[]): Promise<readonly Ended[]> {
  const ended: Ended[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < accesses.length; i = next++) {
      const access = accesses[i];
      if (access !== undefined) ended[i] = await one(client, access);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return ended;
}

/** `permit 200 · PURPOSE_OUTSIDE_GRANT 20 …` */
export function tally(ended: readonly Ended[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of ended) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, n]) => `${outcome} ${n}`).join(" · ");
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
