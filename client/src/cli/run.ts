/** The command line in one process: arguments in, exit code out. */
import { readFile } from "node:fs/promises";
import { Command, CommanderError } from "commander";
import { acceptCommands } from "./commands/accept.js";
import { eraseCommands } from "./commands/erase.js";
import { accessCommands } from "./commands/access.js";
import { auditCommands } from "./commands/audit.js";
import { evidenceCommands } from "./commands/evidence.js";
import { disclosureCommands } from "./commands/disclosure.js";
import { documentCommands } from "./commands/document.js";
import { fsckCommand } from "./commands/fsck.js";
import { grantCommands } from "./commands/grant.js";
import { keysCommands } from "./commands/keys.js";
import { listCommands } from "./commands/list.js";
import { attestationCommands, contractCommands, offerCommands } from "./commands/market.js";
import { monitorCommand } from "./commands/monitor.js";
import { boundaryCommands, orderCommands } from "./commands/orders.js";
import { partyCommands } from "./commands/party.js";
import { tagKeyCommands } from "./commands/tag-key.js";
import { proxyCommands } from "./commands/proxy.js";
import { reconcileCommands } from "./commands/reconcile.js";
import { resourceCommands } from "./commands/resource.js";
import { sampleCommands } from "./commands/sample.js";
import { sendCommands } from "./commands/send.js";
import { sourceCommands } from "./commands/source.js";
import { booksCommands, indicatorCommands, statementCommands } from "./commands/statement.js";
import { tilesCommand } from "./commands/tiles.js";
import { trustCommands } from "./commands/trust.js";
import { walletCommands } from "./commands/wallet.js";
import { EXIT, failureOf } from "./failure.js";
import type { Io } from "./io.js";
import { type Lang, LANGUAGES } from "./messages.js";
import { toOneOf } from "./options.js";
import type { Result } from "./output.js";
import { loadProfile } from "./profile.js";
import { configured, examplesText, type Runtime } from "./program.js";

const STORY = [
  "keys new --out bureau.jwk",
  'party register --key bureau.jwk --party 11440300K317280672 --name "Weather Bureau" --head "Han Mei"',
  "party admit 11440300K317280672 --key data/keys/regulator.jwk",
  "resource register res/weather.daily --key bureau.jwk --file weather.json",
  "access res/weather.daily --key insurer.jwk --quantity 5 --receipt use.receipt.json",
  "verify use.receipt.json --trust data/trust.json",
];

/** Runs one command. Never throws; answers 0 ok, 1 refused or invalid, 2 usage, 3 unreachable. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const lang = await languageOf(argv, io);
  const json = argv.includes("--json");
  let exitCode: number = EXIT.ok;
  const report = (result: Result, asJson: boolean): void => {
    exitCode = result.exitCode ?? EXIT.ok;
    print(result, asJson, io);
  };
  try {
    assertLanguage(argv);
    await build({ io, lang, report }, await versionOf()).parseAsync(digestsLast(argv), { from: "user" });
    return exitCode;
  } catch (error) {
    return error instanceof CommanderError ? ended(error, json, io) : failed(error, json, lang, io);
  }
}

/** A digest in base64url, of a request say: one in 64 begins as an option does. */
const DIGEST = /^-[A-Za-z0-9_-]{42}$/;

/** Digests that would be taken for options stand behind `--`; one that follows an option is its value. */
export function digestsLast(argv: readonly string[]): string[] {
  if (argv.includes("--")) return [...argv];
  const isOperand = (text: string, at: number): boolean =>
    DIGEST.test(text) && !/^--[a-z][^=]*$/.test(argv[at - 1] ?? "");
  const digests = argv.filter(isOperand);
  return digests.length === 0 ? [...argv] : [...argv.filter((text, at) => !isOperand(text, at)), "--", ...digests];
}

function print({ json, text, notes = [] }: Result, asJson: boolean, io: Io): void {
  if (asJson) {
    io.stdout(`${JSON.stringify(json)}\n`);
    return;
  }
  if (text.length > 0) io.stdout(typeof text === "string" ? `${text}\n` : text);
  for (const note of notes) io.stderr(`${note}\n`);
}

/** Help that was asked for is no error; help that had to be given is. */
function ended(error: CommanderError, json: boolean, io: Io): number {
  if (error.exitCode === 0) return EXIT.ok;
  if (json)
    io.stdout(`${JSON.stringify({ ok: false, code: "USAGE", message: error.message.replace(/^error: /, "") })}\n`);
  return EXIT.usage;
}

function failed(error: unknown, json: boolean, lang: Lang, io: Io): number {
  const failure = failureOf(error, lang);
  if (json) io.stdout(`${JSON.stringify(failure.json)}\n`);
  else io.stderr(`${failure.text}\n`);
  return failure.exitCode;
}

function build(runtime: Runtime, version: string): Command {
  const program = configured(new Command("quanji"), runtime)
    .description("Quanji 权迹: register rights in data, grant uses of it, and prove who used what.")
    .version(version)
    .option("--gateway <url>", "address of the gateway (QUANJI_GATEWAY; default: http://127.0.0.1:8080)")
    .option("--key <file>", "key file that signs (QUANJI_KEY)")
    .option("--trust <file>", "pinned trust file (QUANJI_TRUST)")
    .option("--passphrase-env <var>", "variable that holds the key file's passphrase (default: QUANJI_PASSPHRASE)")
    .option("--profile <name>", "profile in ~/.config/quanji/config.json (QUANJI_CONFIG names another file)")
    .option("--json", "one JSON object on standard output")
    .option("--lang <lang>", "language of help headings, errors and verdicts: zh or en")
    .addHelpText("after", examplesText(STORY, runtime.lang));
  for (const add of GROUPS) add(program, runtime);
  return program;
}

const GROUPS: readonly ((program: Command, runtime: Runtime) => void)[] = [
  keysCommands,
  trustCommands,
  partyCommands,
  tagKeyCommands,
  resourceCommands,
  sourceCommands,
  fsckCommand,
  grantCommands,
  attestationCommands,
  offerCommands,
  contractCommands,
  accessCommands,
  acceptCommands,
  eraseCommands,
  proxyCommands,
  evidenceCommands,
  tilesCommand,
  monitorCommand,
  reconcileCommands,
  statementCommands,
  indicatorCommands,
  booksCommands,
  documentCommands,
  disclosureCommands,
  sampleCommands,
  auditCommands,
  listCommands,
  boundaryCommands,
  orderCommands,
  sendCommands,
  walletCommands,
];

/** Errors: usage. Falling back in silence would leave people with a language that they did not ask for. */
function assertLanguage(argv: readonly string[]): void {
  const typed = typedLanguage(argv);
  if (typed !== undefined) toOneOf(typed, "--lang", LANGUAGES);
}

async function versionOf(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}

function typedLanguage(argv: readonly string[]): string | undefined {
  const at = argv.indexOf("--lang");
  const inline = argv.find((argument) => argument.startsWith("--lang="));
  return at >= 0 ? argv[at + 1] : inline?.slice("--lang=".length);
}

/** Flag, variable, profile, then the machine's own language: in this order. */
async function languageOf(argv: readonly string[], io: Io): Promise<Lang> {
  const named = [typedLanguage(argv), io.env["QUANJI_LANG"], await profileLanguage(argv, io)].find(
    (text) => text !== undefined && text !== "",
  );
  const system = io.env["LC_ALL"] ?? io.env["LC_MESSAGES"] ?? io.env["LANG"] ?? "";
  return LANGUAGES.find((lang) => lang === named) ?? (named === undefined && system.startsWith("zh") ? "zh" : "en");
}

async function profileLanguage(argv: readonly string[], io: Io): Promise<string | undefined> {
  const at = argv.indexOf("--profile");
  try {
    return (await loadProfile(io, at < 0 ? undefined : argv[at + 1])).profile.lang;
  } catch {
    return undefined; // a damaged configuration is reported by the command that needs it, in the system's language
  }
}
