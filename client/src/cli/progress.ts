/** Progress of long work, drawn on standard error while a person watches it. */
import type { Io } from "./io.js";

export interface Progress {
  /** `done` of `total`, or only `done` where nobody knows the end. `share`, 0 to 1: of the work, where that is known instead. */
  update(done: number, total?: number, share?: number): void;
  /** Clears the line. */
  end(): void;
}

const WIDTH = 24;
/** Drawing costs more than most steps of the work. */
const EVERY_MS = 100;

export function progress(io: Pick<Io, "stderr" | "watched" | "clock">, label: string, unit: string): Progress {
  if (!io.watched) return { update: () => undefined, end: () => undefined };
  let drawn = -Infinity;
  return {
    update(done, total, share) {
      if (io.clock() - drawn < EVERY_MS) return;
      drawn = io.clock();
      const part = total === undefined || total === 0 ? share : Math.min(1, done / total);
      const bar = part === undefined ? "" : `[${"#".repeat(Math.round(part * WIDTH)).padEnd(WIDTH, ".")}] `;
      io.stderr(`\r\u001b[K${label} ${bar}${done} ${unit}`);
    },
    end: () => {
      if (drawn > -Infinity) io.stderr("\r\u001b[K");
    },
  };
}
