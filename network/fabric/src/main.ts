#!/usr/bin/env node
/** `npm run network -- build | up | status | logs | upgrade | extend | snapshot | restore | renew | revoke | down | clean`: a Fabric network from one topology file. */
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { Command } from "commander";
import { FabricNetwork } from "./network.js";
import { statusOf, tableOf } from "./status.js";
import { ensureBinaries } from "./tools/binaries.js";
import { NetworkFailure } from "./tools/failure.js";
import { progressTo } from "./tools/progress.js";
import { readFabricTopology } from "./topology/topology.js";

/** Where @quanji/chaincode puts its bundle. */
const BUNDLE = fileURLToPath(new URL("../../../chaincode/dist/bundle/chaincode.cjs", import.meta.url));

const print = (line: string): void => void process.stdout.write(line);
const progress = progressTo(print);

interface Options {
  readonly topology: string;
}

const open = async ({ topology }: Options): Promise<FabricNetwork> =>
  new FabricNetwork(await readFabricTopology(topology));

const program = new Command("network").description(
  "A Hyperledger Fabric network from one topology file, without Docker.",
);

const command = (name: string, description: string): Command =>
  program
    .command(name)
    .description(description)
    .option("-t, --topology <file>", "a topology file, or one of: small, raft, bft", "small");

program
  .command("build")
  .description("build Fabric's programs, or check those in FABRIC_BIN")
  .action(async () => {
    const binaries = await ensureBinaries(true, progress);
    progress.say(`ready: ${path.dirname(binaries("peer"))}`);
  });

const withBundle = (parent: Command): Command =>
  parent.option("--chaincode <file>", "bundle of the chaincode", process.env["QUANJI_CHAINCODE_BUNDLE"] ?? BUNDLE);

withBundle(command("up", "make what is missing, start what does not run, deploy the chaincode")).action(
  async (options: Options & { chaincode: string }) => {
    const network = await open(options);
    await network.up(path.resolve(options.chaincode), progress);
    progress.say(`${network.topology.name} is up; profiles: ${network.layout.at("gateway-<organisation>.json")}`);
  },
);

command("status", "what runs, what answers, how far each peer has got")
  .option("--json", "one JSON array")
  .action(async (options: Options & { json?: boolean }) => {
    const lines = await statusOf(await open(options));
    if (options.json === true) print(`${JSON.stringify(lines)}\n`);
    else print(lines.length === 0 ? "nothing runs\n" : `${tableOf(lines)}\n`);
    if (lines.length === 0 || lines.some(({ state }) => state !== "serves")) process.exitCode = 1;
  });

command("logs", "the last lines of one process, or where all logs are")
  .argument("[process]", "as `status` names it; `commands` for what the tools said")
  .option("-n, --lines <number>", "how many lines", "50")
  .option("-f, --follow", "go on as it grows")
  .action(async (id: string | undefined, options: Options & { lines: string; follow?: boolean }) => {
    const network = await open(options);
    if (id === undefined) {
      const lines = await statusOf(network);
      for (const { id: name, log } of lines) print(`${name}  ${log ?? "on its own host"}\n`);
      print(`commands  ${network.layout.commands}\n`);
      return;
    }
    const tail = spawn(
      "tail",
      ["-n", options.lines, ...(options.follow === true ? ["-f"] : []), network.layout.log(id)],
      {
        stdio: "inherit",
      },
    );
    process.exitCode = await new Promise<number>((resolve) => tail.once("close", (code) => resolve(code ?? 1)));
  });

withBundle(command("upgrade", "deploy another bundle of the chaincode while traffic goes on")).action(
  async (options: Options & { chaincode: string }) => {
    await (await open(options)).upgrade(path.resolve(options.chaincode), progress);
  },
);

withBundle(command("extend", "take in the organisations and peers that were added to the topology file")).action(
  async (options: Options & { chaincode: string }) => {
    await (await open(options)).extend(path.resolve(options.chaincode), progress);
  },
);

withBundle(command("bundle", "for several hosts: a folder for each, to be copied there and started"))
  .option("--prefix <path>", "where the folder will lie on each host", "/opt/quanji")
  .action(async (options: Options & { chaincode: string; prefix: string }) => {
    await (await open(options)).bundle(path.resolve(options.chaincode), options.prefix, progress);
  });

withBundle(command("join", "for several hosts, once they run: join the channel and deploy the chaincode")).action(
  async (options: Options & { chaincode: string }) => {
    const network = await open(options);
    await network.join(path.resolve(options.chaincode), progress);
    progress.say(`${network.topology.name} serves`);
  },
);

command("snapshot", "write a peer's state at its newest block to a folder, for peers that need no older blocks")
  .argument("<peer>", "e.g. peer0.regulator")
  .action(async (name: string, options: Options) => {
    await (await open(options)).snapshot(name, progress);
  });

withBundle(command("restore", "make a peer that has no ledger anew from a snapshot; the blocks before it stay missing"))
  .argument("<peer>", "e.g. peer1.regulator")
  .requiredOption("--snapshot <folder>", "as `snapshot` printed it")
  .action(async (name: string, options: Options & { chaincode: string; snapshot: string }) => {
    const network = await open(options);
    await network.restore(name, options.snapshot, path.resolve(options.chaincode), progress);
    progress.say(`${name} serves`);
  });

command("renew", "new certificates for one identity, e.g. gateway.holder or peer0.holder")
  .argument("<identity>")
  .action(async (id: string, options: Options) => {
    await (await open(options)).renew(id, progress);
  });

command("revoke", "revoke an identity's certificates and have the channel refuse them")
  .argument("<identity>")
  .action(async (id: string, options: Options) => {
    await (await open(options)).revoke(id, progress);
  });

command("down", "end every process; what is on disk stays").action(async (options: Options) => {
  await (await open(options)).down(progress);
});

command("clean", "end every process and delete keys, ledgers and logs of this network").action(
  async (options: Options) => {
    await (await open(options)).clean(progress);
  },
);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof NetworkFailure) process.stderr.write(`\n${error.report()}\n`);
  else if (isQuanjiError(error)) process.stderr.write(`\n${error.message}\n`);
  else throw error;
  process.exitCode = 1;
}
