/** Test support: a source that gives what it is told to, and counts how often it was asked. */
import { createHash } from "node:crypto";
import type { QuanjiError } from "@quanji/chaincode/domain";
import type { Deliveries, OpenDelivery } from "../../service/deliveries.js";

export class RowDeliveries implements Deliveries {
  opened = 0;
  /** Thrown instead of opening. */
  failure: QuanjiError | undefined;
  chunks: readonly string[] = ['{"day":"2026-01-01","rain":3}\n', '{"day":"2026-01-02","rain":0}\n'];

  check(): Promise<void> {
    return Promise.resolve();
  }

  open(): Promise<OpenDelivery> {
    this.opened++;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const chunks = this.chunks.map((text) => Buffer.from(text));
    const bytes = Buffer.concat(chunks);
    const summary = {
      bytes: bytes.length,
      digest: createHash("sha256").update(bytes).digest("base64url"),
      masked: [],
      outcome: "delivered" as const,
      rows: chunks.length,
    };
    return Promise.resolve({
      summary: Promise.resolve(summary),
      async *[Symbol.asyncIterator]() {
        for (const chunk of chunks) yield await Promise.resolve(chunk);
      },
    });
  }
}
