/**
 * Trails that somebody else has handed over. Who closes a statement for others, an exchange, may not read all that it rests on: a
 * resource's trail with the source's tallies, the trails of grants that weigh the split. Who may read them saves them to files, and
 * whoever reckons verifies these as if they came from the gateway.
 */
import { msOf, QuanjiError, type QuanjiRecord, type TrailKind, type TrailLineOf } from "@quanji/chaincode/domain";
import type { Hash } from "@quanji/chaincode/log";
import { linesOf, parseLine } from "../verify/lines.js";
import { type OpenedTrust, verifyTrail } from "../verify/index.js";

/** Opens a file from its beginning, as often as it is called. */
export type HandedTrail = () => AsyncIterable<Uint8Array | string>;

/** Of a month that a contract covers: from ≤ time < to, ms since 1970. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

type Header = TrailLineOf<"trail">;

export class HandedTrails {
  readonly #files: readonly { readonly header: Header; readonly open: HandedTrail }[];

  private constructor(files: readonly { readonly header: Header; readonly open: HandedTrail }[]) {
    this.#files = files;
  }

  /** Reads what each is of. Errors: MALFORMED: one is no trail; whatever a file throws. */
  static async of(files: readonly HandedTrail[]): Promise<HandedTrails> {
    const opened: { header: Header; open: HandedTrail }[] = [];
    for (const open of files) opened.push({ header: await headerOf(open), open });
    return new HandedTrails(opened);
  }

  /**
   * The records of one trail in a span, in order. Answers false, having taken none, where that trail was not handed over.
   * Errors: CONFIG_INVALID: no trust file is pinned; TRAIL_INCOMPLETE: the file does not cover the span, or was made before its
   * end; the verifier's.
   */
  async each(
    { kind, id }: { readonly kind: TrailKind; readonly id: string },
    span: Span,
    trust: OpenedTrust | undefined,
    take: (record: QuanjiRecord, leaf: Hash) => void,
  ): Promise<boolean> {
    const found = this.#files.find(({ header: { key } }) => key.kind === kind && key.id === id);
    if (found === undefined) return false;
    if (trust === undefined) {
      throw new QuanjiError("CONFIG_INVALID", "a trail from somebody else is worth what it proves: pin a trust file", {
        field: "trust",
      });
    }
    const { from, to } = found.header;
    const name = `the trail of ${kind} ${id} that was handed over`;
    const isWide = (from === undefined || msOf(from) <= span.fromMs) && (to === undefined || msOf(to) >= span.toMs);
    if (!isWide) throw new QuanjiError("TRAIL_INCOMPLETE", `${name} does not cover the month`);
    const verdict = await verifyTrail(found.open(), trust, {
      observer: {
        record: ({ record, leaf }) => {
          const at = msOf(record.body.time);
          if (at >= span.fromMs && at < span.toMs) take(record, leaf);
        },
      },
    });
    if (!verdict.ok) {
      throw new QuanjiError(verdict.code ?? "PROOF_INVALID", `${name}: ${verdict.message ?? "it does not verify"}`, {
        ...(verdict.detail !== undefined && { detail: verdict.detail }),
      });
    }
    if (verdict.completeThrough === undefined || msOf(verdict.completeThrough) < span.toMs) {
      throw new QuanjiError("TRAIL_INCOMPLETE", `${name} was made before the month was over: have it made again`);
    }
    return true;
  }
}

async function headerOf(open: HandedTrail): Promise<Header> {
  for await (const [first] of linesOf(open())) {
    if (first === undefined) continue;
    const line = parseLine(first);
    if (line.t === "trail") return line;
    break;
  }
  throw new QuanjiError("MALFORMED", "what was handed over is no trail: it begins with another line", {
    field: "trail",
  });
}
