/** What of the contracts a run has exercised: each transaction and each command, accepted and refused, and each rule. */
import { isVerb, parseIndexRecord, parseRecord } from "@quanji/chaincode/domain";
import type { BatchInput, StoredRecord } from "@quanji/chaincode/world";
import type { TransactionRequest } from "@quanji/gateway/testing";
import type { Outcome } from "../pair.js";

class Counts extends Map<string, number> {
  add(name: string): void {
    this.set(name, (this.get(name) ?? 0) + 1);
  }
}

export class Tally {
  readonly accepted = new Counts();
  readonly refused = new Counts();
  /** Codes that transactions were refused with. */
  readonly codes = new Counts();
  /** Rules that accesses were decided by. */
  readonly rules = new Counts();
  /** Types of the records that were appended. */
  readonly types = new Counts();

  count(request: TransactionRequest, outcome: Outcome): void {
    const isAccepted = "result" in outcome;
    const counts = isAccepted ? this.accepted : this.refused;
    const record = isAccepted ? undefined : outcome.record;
    for (const name of [request.name, ...commandsIn(request.transient ?? {}, record)]) counts.add(name);
    if (!isAccepted) this.codes.add(outcome.code ?? outcome.fault);
  }

  decided(records: readonly StoredRecord[]): void {
    for (const stored of records) {
      const { type } = JSON.parse(stored.face) as { readonly type: string };
      this.types.add(type);
      if (type === "index") parseIndexRecord(stored);
      else {
        const record = parseRecord(stored);
        if (record.type === "access") this.rules.add(record.body.rule);
      }
    }
  }

  toString(): string {
    const line = (name: string, counts: Counts): string =>
      `      ${name}: ${[...counts].map(([what, n]) => `${what} ${n}`).join(", ")}\n`;
    return [
      line("accepted", this.accepted),
      line("refused", this.refused),
      line("codes", this.codes),
      line("rules", this.rules),
      line("records", this.types),
    ].join("");
  }
}

const VERBS_OF_RECORDS = {
  access: ["access"],
  void: ["access.void"],
  acceptance: ["access.accept"],
  tally: ["tally.sign"],
  delivery: [],
  index: [],
} as const;

/** Verbs of the command that travels in transient data, or of a batch's records; of one record alone, if one is to blame. */
function commandsIn({ command, batch }: Readonly<Record<string, string>>, record: number | undefined): string[] {
  if (batch !== undefined) {
    const { records } = (jsonOf(batch) ?? {}) as Partial<BatchInput>;
    if (!Array.isArray(records)) return [];
    const meant = record === undefined ? records : records.slice(record, record + 1);
    return [...new Set((meant as BatchInput["records"]).flatMap(({ type }) => VERBS_OF_RECORDS[type]))];
  }
  const header = jsonOf(textOf((jsonOf(command ?? "") as { protected?: unknown } | undefined)?.protected));
  const typ = (header as { typ?: unknown } | undefined)?.typ;
  const verb = typeof typ === "string" ? typ.replace(/^quanji-|\+jws$/g, "") : "";
  return isVerb(verb) ? [verb] : [];
}

const textOf = (base64: unknown): string =>
  typeof base64 === "string" ? Buffer.from(base64, "base64url").toString("utf8") : "";

/** Undefined for what is no JSON object: much of what is sent here is not. */
function jsonOf(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
