/** Commands of `npm run evm`: a node to try things on, the anchor contract with its logs, and the escrow contract with its deals. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { Command, CommanderError } from "commander";
import { sha256, toUtf8Bytes } from "ethers";
import { addAddress } from "./addresses.js";
import { anchorAt, deployAnchor, headOf, registerLog } from "./anchor-contract.js";
import {
  addresses,
  addressOf,
  connected,
  endpoint,
  type Io,
  KEY,
  keyFile,
  type Options,
  say,
  walletOf,
} from "./cli.js";
import { artifactOf, artifactText, compile, CONTRACTS } from "./compile.js";
import { addEscrowCommands } from "./escrow-cli.js";
import { startNode } from "./node.js";

/** Runs a command; answers the exit code. What goes wrong is said in a sentence, with its code. */
export async function runEvm(args: readonly string[], io: Io): Promise<number> {
  const program = new Command("evm")
    .description("Contracts on an EVM: anchors, escrow, and a node to try them on.")
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  addCommands(program, io);
  addEscrowCommands(program, io);
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    // It has said so itself.
    if (error instanceof CommanderError) return error.exitCode;
    const where = isQuanjiError(error) ? [error.code, error.field, error.detail].filter(Boolean).join(" · ") : "";
    const said = error instanceof Error ? error.message : String(error);
    io.err(where === "" ? `${said}\n` : `${said} (${where})\n`);
    return 1;
  }
}

function addCommands(program: Command, io: Io): void {
  program
    .command("compile")
    .description("compile the contracts into artifacts/, which are checked in")
    .action(async () => {
      for (const name of CONTRACTS) {
        const artifact = await compile(name);
        await writeFile(artifactOf(name), artifactText(artifact));
        say(io, { contract: name, bytes: (artifact.bytecode.length - 2) / 2, compiler: artifact.compiler });
      }
    });

  program
    .command("node")
    .description("an Ethereum node on loopback, until interrupted; its keys are known to everybody")
    .option("--port <number>", "port", "8545")
    .action(async ({ port }: { readonly port: string }) => {
      const node = await startNode({ port: Number(port) });
      io.out(`listening ${node.endpoint} chain ${node.chain}\n  ${KEY}=${node.keys[0] ?? ""}\n`);
      const end = (): void => void node.close();
      process.once("SIGINT", end).once("SIGTERM", end);
    });

  program
    .command("deploy")
    .description(`deploy the anchor contract, paid by ${KEY}, and write it into the addresses file`)
    .option(...endpoint)
    .option(...addresses)
    .option(...keyFile)
    .option("--registrar <address>", "who may register logs (default: who pays)")
    .option("--confirmations <n>", "blocks to wait for, its own counted", "1")
    .action(async (options: Options & { readonly registrar?: string; readonly confirmations: string }) => {
      await connected(options.endpoint, async (provider) => {
        const payer = (await walletOf(io, options)).connect(provider);
        const deployed = await deployAnchor(payer, options.registrar ?? payer.address, Number(options.confirmations));
        await addAddress(path.resolve(io.folder, options.addresses), deployed);
        say(io, deployed);
      });
    });

  program
    .command("register <origin>")
    .description(`register a log, paid by ${KEY}, who must be the registrar`)
    .option(...endpoint)
    .option(...addresses)
    .option(...keyFile)
    .requiredOption("--publisher <address...>", "who may publish its heads, for good")
    .action(async (origin: string, options: Options & { readonly publisher: readonly string[] }) => {
      await connected(options.endpoint, async (provider, chain) => {
        const contract = await anchorAt(
          await addressOf(io, options.addresses, "anchors", chain),
          (await walletOf(io, options)).connect(provider),
        );
        const { hash, blockNumber } = await registerLog(contract, origin, options.publisher);
        say(io, { origin, publishers: options.publisher, transaction: hash, block: blockNumber });
      });
    });

  program
    .command("head <origin>")
    .description("the newest head that stands in the contract; anybody may ask")
    .option(...endpoint)
    .option(...addresses)
    .action(async (origin: string, options: Options) => {
      await connected(options.endpoint, async (provider, chain) => {
        const contract = await anchorAt(await addressOf(io, options.addresses, "anchors", chain), provider);
        const { size, root, number } = await headOf(contract, sha256(toUtf8Bytes(origin)));
        say(io, { origin, size: Number(size), root, block: Number(number) });
      });
    });
}
