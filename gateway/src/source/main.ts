/** A source's adapter as a program. Exit codes: 0 ended by a signal, 1 did not end well, 2 could not start. */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { pino } from "pino";
import { loadSourceConfig } from "./config.js";
import { openSource, type OpenSource } from "./open.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

const explain = (error: unknown): string =>
  isQuanjiError(error)
    ? `${error.code}: ${error.message}`
    : error instanceof Error
      ? (error.stack ?? "")
      : String(error);

async function start(): Promise<OpenSource> {
  const config = await loadSourceConfig(process.env, process.cwd());
  const logger = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: false }));
  const source = await openSource(config, {
    clock: Date.now,
    report: (what, error) => logger.error({ err: error }, what),
  });
  say(`ready ${source.address}`);
  for (const { prefix, resource, target } of config.routes) say(`  ${prefix}   ${resource}   ${target}`);
  return source;
}

async function run(): Promise<void> {
  let source: OpenSource;
  try {
    source = await start();
  } catch (error) {
    complain(`The source's adapter cannot start. ${explain(error)}`);
    process.exitCode = 2;
    return;
  }
  const stop = (signal: NodeJS.Signals): void => {
    complain(`${signal}: finishing what is under way.`);
    source.close().then(
      () => process.exit(0),
      (error: unknown) => {
        complain(`The source's adapter did not end well. ${explain(error)}`);
        process.exit(1);
      },
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

if (process.argv.length === 2) await run();
else {
  complain("Usage: quanji-source, which serves; its folder is QUANJI_DATA (default: ./source), see source.json there.");
  process.exitCode = 2;
}
