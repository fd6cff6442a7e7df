/** The gateway as a program. Exit codes: 0 ended by a signal, 1 failed while running, 2 could not start; those of `fsck` and `blocks` are their own. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { CODES, isQuanjiError } from "@quanji/chaincode/domain";
import { pino } from "pino";
import { blocksProgram, checkProgram } from "./check.js";
import { loadConfig } from "./config/index.js";
import { openThreadedLedger } from "./ledger/threaded/index.js";
import { type Gateway, openGateway, type OpenLedger } from "./service/index.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

async function start(): Promise<Gateway> {
  const config = await loadConfig(process.env, process.cwd());
  // Standard output is for people and scripts that wait for `ready`; the log goes to standard error.
  const logger = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: false }));
  return openGateway(config, {
    clock: Date.now,
    random: randomBytes,
    logger,
    variables: process.env,
    openLedger: onThread,
  });
}

/** The thread has clock, random bytes and contracts of its own: the same ones. */
const onThread: OpenLedger = ({ folder, topology, submitterMsp = "", durability = "synced", report }, vouchers) =>
  openThreadedLedger({ folder, topology, submitterMsp, durability, vouchers, report: report ?? complainOf });

const complainOf = (error: unknown, transaction: string): void => complain(`${transaction}: ${explain(error)}`);

function announce({ publicUrl, address, logs, trustDigest, folders }: Gateway): void {
  say(`ready ${publicUrl}`);
  say(`  API and its description   ${address}/docs`);
  for (const log of logs) say(`  log                       ${log}`);
  say(`  trust file                ${path.join(folders.data, "trust.json")}`);
  say(`  its digest, to pin        ${trustDigest}`);
  say(`  the regulator's key       ${path.join(folders.keys, "regulator.jwk")}`);
  say(`  configuration, sources    ${path.join(folders.data, "gateway.json")}, ${folders.sources}`);
}

function explain(error: unknown): string {
  if (isQuanjiError(error, "CONFIG_INVALID")) return error.message;
  if (isQuanjiError(error)) {
    const finer = error.detail === undefined ? "" : ` · ${error.detail}`;
    return `${error.code}${finer}: ${error.message}\n${CODES[error.code].meaning}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function run(): Promise<void> {
  let gateway: Gateway;
  try {
    gateway = await start();
  } catch (error) {
    complain(`The gateway cannot start. ${explain(error)}`);
    process.exitCode = 2;
    return;
  }
  announce(gateway);
  const stop = (signal: NodeJS.Signals): void => {
    complain(`${signal}: finishing what is under way.`);
    gateway.close().then(
      () => process.exit(0),
      (error: unknown) => {
        complain(`The gateway did not end well. ${explain(error)}`);
        process.exit(1);
      },
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

const [task, ...rest] = process.argv.slice(2);
if (task === undefined) await run();
else if (task === "fsck" && rest.length === 0) process.exitCode = await checkProgram(say);
else if (task === "blocks" && rest.length === 0) process.exitCode = await blocksProgram(say);
else {
  complain(
    "Usage: quanji-gateway, which serves; quanji-gateway fsck, which checks the data folder (QUANJI_DATA); or quanji-gateway blocks, which writes its blocks into another (QUANJI_BLOCKS).",
  );
  process.exitCode = 2;
}
