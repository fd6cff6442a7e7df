/**
 * `quanji-gateway fsck`: JSON lines on standard output, `{"progress":{"done","of"}}` while it works and then one object, the
 * report or `{ok: false, code, message, …}`. Exit codes: 0 whole, 1 something differs, 2 wrong use, 3 a gateway holds the folder.
 */
import { randomBytes } from "node:crypto";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { loadConfig } from "./config/index.js";
import { checkFolder } from "./service/fsck.js";

const PROGRESS_EVERY_MS = 100;

export async function checkProgram(say: (line: string) => void): Promise<number> {
  let saidMs = 0;
  const progress = (done: number, of: number): void => {
    if (Date.now() - saidMs < PROGRESS_EVERY_MS) return;
    saidMs = Date.now();
    say(JSON.stringify({ progress: { done, of } }));
  };
  try {
    const config = await loadConfig(process.env, process.cwd());
    const report = await checkFolder(config, { clock: Date.now, random: randomBytes, progress });
    say(JSON.stringify(report));
    return report.ok ? 0 : 1;
  } catch (error) {
    if (!isQuanjiError(error)) throw error;
    const { code, message, detail, field } = error;
    say(JSON.stringify({ ok: false, code, message, detail, field }));
    return detail === "IN_USE" ? 3 : 2;
  }
}
