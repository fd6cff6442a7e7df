/**
 * Fabric's programs: those in `FABRIC_BIN` (the official binaries, say), or built from the versions that the Go modules of
 * this folder pin. Nothing is downloaded but Go modules.
 */
import { createHash } from "node:crypto";
import { access, constants, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { NetworkFailure } from "./failure.js";
import type { Progress } from "./progress.js";
import { run } from "./run.js";

const HERE = fileURLToPath(new URL("../../", import.meta.url));

/** Binaries and the state of every network; git ignores it. */
export const STATE_ROOT = path.resolve(HERE, "..", ".fabric");

const BUILT = path.join(STATE_ROOT, "bin");
const BUILD_LOG = path.join(STATE_ROOT, "build.log");

interface Module {
  readonly title: string;
  readonly folder: string;
  readonly programs: readonly string[];
}

const FABRIC: Module = {
  title: "Fabric 3.1.1",
  folder: HERE,
  programs: ["peer", "orderer", "configtxgen", "configtxlator", "cryptogen", "discover", "ledgerutil", "osnadmin"],
};
const FABRIC_CA: Module = {
  title: "Fabric CA 1.5.15",
  folder: path.join(HERE, "ca"),
  programs: ["fabric-ca-server", "fabric-ca-client"],
};

/** Where the programs are. */
export type Binaries = (program: string) => string;

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

async function missing(folder: string, programs: readonly string[]): Promise<string[]> {
  const there = await Promise.all(programs.map((program) => isExecutable(path.join(folder, program))));
  return programs.filter((_, index) => there[index] === false);
}

/** Changes with the pinned versions: a mark beside the binaries says what they were built from. */
async function pinOf({ folder }: Module): Promise<string> {
  const files = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(path.join(folder, file))));
  return createHash("sha256").update(Buffer.concat(files)).digest("hex");
}

const markOf = ({ programs }: Module): string => path.join(BUILT, `.${programs[0] ?? ""}.pin`);

const isBuilt = async (module: Module): Promise<boolean> =>
  (await missing(BUILT, module.programs)).length === 0 &&
  (await readFile(markOf(module), "utf8").catch(() => "")) === (await pinOf(module));

async function buildModule(module: Module, progress: Progress): Promise<void> {
  if (await isBuilt(module)) return;
  progress.say(`building ${module.title} (the first time, minutes) …`);
  await mkdir(BUILT, { recursive: true });
  await run({
    what: `building ${module.title}`,
    file: "go",
    args: ["install", "tool"],
    cwd: module.folder,
    env: { GOBIN: BUILT },
    log: BUILD_LOG,
    within: 45 * 60_000,
    advice: "install Go 1.26 and give it a module proxy, or set FABRIC_BIN to a folder with Fabric's programs",
  });
  await writeFile(markOf(module), await pinOf(module));
  progress.say(`${module.title} built into ${BUILT}`);
}

/**
 * Makes sure that the programs are there, building them unless `FABRIC_BIN` names a folder that has them.
 * @param authorities whether Fabric CA's are needed too
 */
export async function ensureBinaries(authorities: boolean, progress: Progress): Promise<Binaries> {
  const modules = authorities ? [FABRIC, FABRIC_CA] : [FABRIC];
  const given = process.env["FABRIC_BIN"];
  if (given === undefined || given === "") {
    for (const module of modules) await buildModule(module, progress);
    return (program) => path.join(BUILT, program);
  }
  const folder = path.resolve(given);
  const absent = await missing(
    folder,
    modules.flatMap(({ programs }) => programs),
  );
  if (absent.length > 0) {
    throw new NetworkFailure("FABRIC_BIN", `${folder} lacks ${absent.join(", ")}`, {
      advice: "put them there, or unset FABRIC_BIN to have them built",
    });
  }
  return (program) => path.join(folder, program);
}

/** Whether {@link ensureBinaries} can succeed here without building for minutes or at all: for tests that say why they skip. */
export async function binariesAtHand(): Promise<boolean> {
  const given = process.env["FABRIC_BIN"];
  if (given !== undefined && given !== "") return (await missing(path.resolve(given), FABRIC.programs)).length === 0;
  if (await isBuilt(FABRIC)) return true;
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  return (await Promise.all(folders.map((folder) => isExecutable(path.join(folder, "go"))))).includes(true);
}
