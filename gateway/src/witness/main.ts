/** The witness as a program. Exit codes: 0 ended by a signal, 1 did not end well, 2 could not start. */
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { pino } from "pino";
import { loadWitnessConfig } from "./process/config.js";
import { openWitness, type Witness } from "./process/open.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

const explain = (error: unknown): string =>
  isQuanjiError(error)
    ? `${error.code}: ${error.message}`
    : error instanceof Error
      ? (error.stack ?? "")
      : String(error);

async function start(): Promise<Witness> {
  const config = await loadWitnessConfig(process.env, process.cwd());
  const logger = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: false }));
  const witness = await openWitness(config, { clock: Date.now, logger });
  say(`ready ${witness.address}`);
  say(`  verifier key, for trust files   ${witness.vkey}`);
  say(`  key of its head notes           ${witness.headsKey}`);
  say(`  key of its block notes          ${witness.blocksKey}`);
  say(`  fork proofs                     ${path.join(config.data, "evidence")}`);
  say(`  own peer                        ${witness.hasPeer ? "followed" : "none: it sees only that logs grow"}`);
  return witness;
}

async function run(): Promise<void> {
  let witness: Witness;
  try {
    witness = await start();
  } catch (error) {
    complain(`The witness cannot start. ${explain(error)}`);
    process.exitCode = 2;
    return;
  }
  const stop = (signal: NodeJS.Signals): void => {
    complain(`${signal}: finishing what is under way.`);
    witness.close().then(
      () => process.exit(0),
      (error: unknown) => {
        complain(`The witness did not end well. ${explain(error)}`);
        process.exit(1);
      },
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

if (process.argv.length === 2) await run();
else {
  complain(
    "Usage: quanji-witness, which serves; its folder is QUANJI_DATA (default: ./witness), see witness.json there.",
  );
  process.exitCode = 2;
}
