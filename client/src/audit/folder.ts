/** A folder of blocks as `peer channel fetch` and `quanji-gateway blocks` write them: `7.block`, or `<channel>_7.block`. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fail } from "./findings.js";

const NAME = /^(?:[a-z][a-z0-9.-]*_)?(\d{1,15})\.block$/;

export interface BlockFolder {
  /** How many files hold a block, by their names. */
  readonly count: number;
  /** In order, each read when it is asked for. Errors: BLOCK_MISSING. */
  read(): AsyncGenerator<Uint8Array, void, void>;
}

/** Two files claim one number: nobody can say which is meant. */
export class DoubleBlock extends Error {}

/** Errors: those of the file system, DoubleBlock. */
export async function openFolder(folder: string): Promise<BlockFolder> {
  const files = new Map<number, string>();
  for (const name of await readdir(folder)) {
    const digits = NAME.exec(name)?.[1];
    if (digits === undefined) continue;
    const other = files.get(Number(digits));
    if (other !== undefined) throw new DoubleBlock(`${other} and ${name} are of one number`);
    files.set(Number(digits), name);
  }
  return {
    count: files.size,
    read: async function* () {
      for (let number = 0; number < files.size; number++) {
        const name = files.get(number);
        if (name === undefined) return fail("BLOCK_MISSING", `there is no file of block ${number}`, { block: number });
        yield await readFile(path.join(folder, name));
      }
    },
  };
}
