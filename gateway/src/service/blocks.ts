/** The blocks of a data folder at rest, as files: what an auditor reads. Written as Fabric's `peer channel fetch` does. */
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Config } from "../config/index.js";
import { Store } from "../ledger/embedded/store.js";
import { lockFolder } from "./lock.js";

export interface BlocksReport {
  readonly ok: true;
  readonly folder: string;
  /** How many there are. */
  readonly blocks: number;
  /** How many of them were not there yet. */
  readonly written: number;
}

const refusal = (field: string, problem: string): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${field}: ${problem}`, { field });

/**
 * `<number>.block` for each block. A file that is there already has to hold that very block. Errors: CONFIG_INVALID naming the
 * variable; · IN_USE while a gateway holds the folder.
 */
export async function exportBlocks(
  { data, ledger }: Config,
  folder: string,
  progress: (done: number, of: number) => void,
): Promise<BlocksReport> {
  if (ledger === "fabric") {
    const how = "fetch them from a peer: peer channel fetch NUMBER NUMBER.block -c CHANNEL, from 0 to its height";
    throw refusal("QUANJI_DATA", `${data} follows a Fabric network, whose peers keep the blocks; ${how}`);
  }
  await access(path.join(data, "ledger", "CURRENT")).catch(() => {
    throw refusal("QUANJI_DATA", `${data} holds no ledger: name the data folder of a gateway that has run`);
  });
  const lock = await lockFolder(data);
  try {
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw refusal("QUANJI_BLOCKS", `${folder} cannot be made: ${cause instanceof Error ? cause.message : ""}`);
    });
    const store = await Store.open(path.join(data, "ledger"), { sync: true });
    try {
      return await writeAll(store, folder, progress);
    } finally {
      await store.close();
    }
  } finally {
    await lock.release();
  }
}

async function writeAll(
  store: Store,
  folder: string,
  progress: (done: number, of: number) => void,
): Promise<BlocksReport> {
  const height = (store.getTip()?.number ?? -1) + 1;
  let written = 0;
  for (let number = 0; number < height; number++) {
    const bytes = store.getBlock(number);
    if (bytes === undefined) throw refusal("QUANJI_DATA", `block ${number} is missing: check it with quanji fsck`);
    if (await writeOnce(path.join(folder, `${number}.block`), bytes)) written++;
    progress(number + 1, height);
  }
  return { ok: true, folder, blocks: height, written };
}

/** False if the very same bytes are there. */
async function writeOnce(file: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await writeFile(file, bytes, { flag: "wx" });
    return true;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "EEXIST") throw refusal("QUANJI_BLOCKS", `${file} cannot be written: ${String(code)}`);
    if (Buffer.from(bytes).equals(await readFile(file))) return false;
    throw refusal("QUANJI_BLOCKS", `${file} is another block: name an empty folder, or delete what is cut off`);
  }
}
