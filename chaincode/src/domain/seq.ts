/**
 * Replay window of sequence numbers per (key, log): the highest number seen and a bitmap of the last 1,024, in the manner of
 * RFC 4303 §3.4.3. Constant size, so that millions of calls by one key cost 136 bytes of state.
 */
import { QuanjiError } from "./errors.js";

export const SEQ_WINDOW = 1024;
const BYTES = SEQ_WINDOW / 8;

export interface SeqWindow {
  /** One more than the highest number seen: 0 if none. */
  readonly next: number;
  /** Bit `seq mod 1024` is set if `seq`, one of the last 1,024 below `next`, was seen. 128 bytes. */
  readonly seen: Uint8Array;
}

export const EMPTY_WINDOW: SeqWindow = { next: 0, seen: new Uint8Array(BYTES) };

const bitOf = (seq: number): readonly [byte: number, mask: number] => {
  const position = seq % SEQ_WINDOW;
  return [Math.floor(position / 8), 2 ** (position % 8)];
};

export function hasSeen(window: SeqWindow, seq: number): boolean {
  const [byte, mask] = bitOf(seq);
  return seq < window.next && (seq < window.next - SEQ_WINDOW || ((window.seen[byte] ?? 0) & mask) !== 0);
}

/**
 * Takes a number once. Errors: COMMAND_REPLAYED if it was taken or is older than the window; MALFORMED · SEQ_WINDOW if it
 * lies so far ahead that the numbers skipped could never be voided.
 */
export function takeSeq(window: SeqWindow, seq: number): SeqWindow {
  if (hasSeen(window, seq)) {
    throw new QuanjiError("COMMAND_REPLAYED", "that sequence number was used before; ask /v1/seq for the next one", {
      field: "seq",
    });
  }
  if (seq >= window.next + SEQ_WINDOW) {
    throw new QuanjiError("MALFORMED", `a sequence number lies less than ${SEQ_WINDOW} ahead of the next one`, {
      field: "seq",
      detail: "SEQ_WINDOW",
    });
  }
  const seen = window.seen.slice();
  for (let skipped = window.next; skipped < seq; skipped++) {
    const [byte, mask] = bitOf(skipped);
    seen[byte] = (seen[byte] ?? 0) & ~mask;
  }
  const [byte, mask] = bitOf(seq);
  seen[byte] = (seen[byte] ?? 0) | mask;
  return { next: Math.max(window.next, seq + 1), seen };
}
