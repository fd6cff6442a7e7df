/**
 * `quanji-gateway fsck` and `quanji-gateway blocks`: JSON lines on standard output, `{"progress":{"done","of"}}` while they work
 * and then one object, the report or `{ok: false, code, message, …}`. Exit codes: 0 whole, 1 something differs, 2 wrong use,
 * 3 a gateway holds the folder.
 */
import { randomBytes } from "node:crypto";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { type Config, loadConfig } from "./config/index.js";
import { exportBlocks } from "./service/blocks.js";
import { checkFolder } from "./service/fsck.js";

const PROGRESS_EVERY_MS = 100;

type Say = (line: string) => void;
type Progress = (done: number, of: number) => void;

export const checkProgram = (say: Say): Promise<number> =>
  reporting(say, (config, progress) => checkFolder(config, { clock: Date.now, random: randomBytes, progress }));

/** Into the folder that QUANJI_BLOCKS names. */
export const blocksProgram = (say: Say): Promise<number> =>
  reporting(say, (config, progress) => {
    const folder = process.env["QUANJI_BLOCKS"] ?? "";
    if (folder === "") {
      throw new QuanjiError("CONFIG_INVALID", "QUANJI_BLOCKS: name the folder for the blocks", {
        field: "QUANJI_BLOCKS",
      });
    }
    return exportBlocks(config, folder, progress);
  });

async function reporting(
  say: Say,
  work: (config: Config, progress: Progress) => Promise<{ readonly ok: boolean }>,
): Promise<number> {
  let saidMs = 0;
  const progress = (done: number, of: number): void => {
    if (Date.now() - saidMs < PROGRESS_EVERY_MS) return;
    saidMs = Date.now();
    say(JSON.stringify({ progress: { done, of } }));
  };
  try {
    const report = await work(await loadConfig(process.env, process.cwd()), progress);
    say(JSON.stringify(report));
    return report.ok ? 0 : 1;
  } catch (error) {
    if (!isQuanjiError(error)) throw error;
    const { code, message, detail, field } = error;
    say(JSON.stringify({ ok: false, code, message, detail, field }));
    return detail === "IN_USE" ? 3 : 2;
  }
}
