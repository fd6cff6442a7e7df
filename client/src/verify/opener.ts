/** What opens the records of a trail ahead of the thread that replays them. Node has one, a thread of its own. */
import type { OpenedLine } from "./record-line.js";

/** For each line: the record, or undefined where nothing is said and the line is read in its place. */
export type OpenedLines = readonly (OpenedLine | undefined)[];

/** Opened for one verification, closed at its end. */
export interface LineOpener {
  /** Told of every batch of the trail, in bytes: a short trail needs no help. */
  seen(bytes: number): void;
  /** It has less to do than it could take. */
  readonly isFree: boolean;
  /** Opens lines, each with its line feed. Undefined: nothing came of it, and all are read in their place. Never rejects. */
  open(lines: Uint8Array): Promise<OpenedLines | undefined>;
  /** Lets what has been answered arrive. */
  turn(): Promise<void>;
  close(): Promise<void>;
}
