/** `npm run evm -- …`: a node to try things on, and the anchor contract deployed and its logs registered. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Command } from "commander";
import { JsonRpcProvider, sha256, toUtf8Bytes, Wallet } from "ethers";
import { addAddress, newestOf, readAddresses } from "./addresses.js";
import { anchorAt, deployAnchor, headOf, registerLog } from "./anchor-contract.js";
import { artifactOf, artifactText, compile, CONTRACTS } from "./compile.js";
import { startNode } from "./node.js";

const KEY = "QUANJI_EVM_KEY";
const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Options {
  readonly endpoint: string;
  readonly addresses: string;
}

/** A connection for one command: ended whatever comes of it, or the process would stay. */
async function connected<T>(endpoint: string, work: (provider: JsonRpcProvider, chain: number) => Promise<T>) {
  const provider = new JsonRpcProvider(endpoint);
  try {
    return await work(provider, Number((await provider.getNetwork()).chainId));
  } finally {
    provider.destroy();
  }
}

function payerOf(provider: JsonRpcProvider): Wallet {
  const key = process.env[KEY];
  if (key === undefined || key === "") throw new Error(`who pays? set ${KEY} to a private key (0x and 64 hex digits)`);
  return new Wallet(key, provider);
}

async function contractOf({ addresses }: Options, chain: number): Promise<string> {
  const row = newestOf(await readAddresses(path.resolve(addresses)), chain);
  if (row === undefined) throw new Error(`${addresses} names no anchor contract on chain ${chain}: deploy one first`);
  return row.address;
}

const program = new Command("evm").description("Anchoring on an EVM: contract, registration, and a node to try it on.");
const endpoint = ["--endpoint <url>", "JSON-RPC endpoint", "http://127.0.0.1:8545"] as const;
const addresses = ["--addresses <file>", "addresses file", "evm-addresses.json"] as const;

program
  .command("compile")
  .description("compile the contracts into artifacts/, which are checked in")
  .action(async () => {
    for (const name of CONTRACTS) {
      const artifact = await compile(name);
      await writeFile(artifactOf(name), artifactText(artifact));
      say(`${artifact.contract}: ${(artifact.bytecode.length - 2) / 2} bytes, ${artifact.compiler}`);
    }
  });

program
  .command("node")
  .description("an Ethereum node on loopback, until interrupted; its keys are known to everybody")
  .option("--port <number>", "port", "8545")
  .action(async ({ port }: { readonly port: string }) => {
    const node = await startNode({ port: Number(port) });
    say(`listening ${node.endpoint} chain ${node.chain}\n  ${KEY}=${node.keys[0] ?? ""}`);
    const end = (): void => void node.close();
    process.once("SIGINT", end).once("SIGTERM", end);
  });

program
  .command("deploy")
  .description(`deploy the anchor contract, paid by ${KEY}, and write it into the addresses file`)
  .option(...endpoint)
  .option(...addresses)
  .option("--registrar <address>", "who may register logs (default: who pays)")
  .option("--confirmations <n>", "blocks to wait for, its own counted", "1")
  .action(async (options: Options & { readonly registrar?: string; readonly confirmations: string }) => {
    await connected(options.endpoint, async (provider) => {
      const payer = payerOf(provider);
      const deployed = await deployAnchor(payer, options.registrar ?? payer.address, Number(options.confirmations));
      await addAddress(path.resolve(options.addresses), deployed);
      say(JSON.stringify(deployed));
    });
  });

program
  .command("register <origin>")
  .description(`register a log, paid by ${KEY}, who must be the registrar`)
  .option(...endpoint)
  .option(...addresses)
  .requiredOption("--publisher <address...>", "who may publish its heads, for good")
  .action(async (origin: string, options: Options & { readonly publisher: readonly string[] }) => {
    await connected(options.endpoint, async (provider, chain) => {
      const contract = await anchorAt(await contractOf(options, chain), payerOf(provider));
      const { hash, blockNumber } = await registerLog(contract, origin, options.publisher);
      say(JSON.stringify({ origin, publishers: options.publisher, transaction: hash, block: blockNumber }));
    });
  });

program
  .command("head <origin>")
  .description("the newest head that stands in the contract; anybody may ask")
  .option(...endpoint)
  .option(...addresses)
  .action(async (origin: string, options: Options) => {
    await connected(options.endpoint, async (provider, chain) => {
      const contract = await anchorAt(await contractOf(options, chain), provider);
      const { size, root, number } = await headOf(contract, sha256(toUtf8Bytes(origin)));
      say(JSON.stringify({ origin, size: Number(size), root, block: Number(number) }));
    });
  });

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
