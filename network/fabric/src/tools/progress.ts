/** Says what is being done, with the seconds since the command began. */
export interface Progress {
  say(line: string): void;
  /** Seconds since the beginning. */
  elapsed(): number;
}

export function progressTo(write: (line: string) => void): Progress {
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  return { elapsed, say: (line) => write(`[${elapsed().toFixed(1).padStart(6)} s] ${line}\n`) };
}

export const silent: Progress = { say: () => undefined, elapsed: () => 0 };
