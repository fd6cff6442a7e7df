/** Compiles the contracts with the `solc` package: no download, and the same bytes from the same source everywhere. */
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { InterfaceAbi } from "ethers";

/** The contracts that are deployed: their artifacts are checked in. */
export const CONTRACTS = ["Anchor", "Escrow"] as const;

/** What is kept of a compiled contract; `artifacts/<name>.json` is this, checked in, and a test makes it anew. */
export interface Artifact {
  readonly contract: string;
  /** Full version of the compiler, with its commit. */
  readonly compiler: string;
  readonly abi: InterfaceAbi;
  /** Creation code, 0x-prefixed hex. */
  readonly bytecode: string;
}

interface Solc {
  version(): string;
  compile(input: string): string;
}

interface Compiled {
  readonly abi: InterfaceAbi;
  readonly evm: { readonly bytecode: { readonly object: string } };
}

interface Output {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, Compiled>>>>;
}

const FOLDER = new URL("../contracts/", import.meta.url);
export const artifactOf = (contract: string): URL => new URL(`../artifacts/${contract}.json`, import.meta.url);

/** Sources by path below `contracts/`, those that only tests use among them. */
export async function readSources(): Promise<Record<string, string>> {
  const files = (await readdir(FOLDER, { recursive: true })).map((file) => file.replaceAll("\\", "/"));
  const sources = files.filter((file) => file.endsWith(".sol")).sort();
  return Object.fromEntries(
    await Promise.all(sources.map(async (file) => [file, await readFile(new URL(file, FOLDER), "utf8")] as const)),
  );
}

/**
 * All contracts of one file. Throws with the compiler's own words for an error and for a warning. `optimized` takes three
 * times as long: what only a test runs goes without.
 */
export function compileFile(file: string, sources: Readonly<Record<string, string>>, optimized: boolean): Artifact[] {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: "Solidity",
        sources: Object.fromEntries([...needed(file, sources)].map((name) => [name, { content: sources[name] ?? "" }])),
        settings: {
          // An old one, so that chains which are slow to follow Ethereum run it too.
          evmVersion: "london",
          optimizer: optimized ? { enabled: true, runs: 10_000 } : { enabled: false },
          // No hash of the source's comments in the code.
          metadata: { bytecodeHash: "none", appendCBOR: false },
          outputSelection: { [file]: { "*": ["abi", "evm.bytecode.object"] } },
        },
      }),
    ),
  ) as Output;
  const told = (output.errors ?? []).map(({ formattedMessage }) => formattedMessage).join("\n");
  const compiled = output.contracts?.[file];
  if (told !== "" || compiled === undefined) throw new Error(`${file} does not compile\n${told}`);
  return Object.entries(compiled).map(([contract, { abi, evm }]) => ({
    contract,
    compiler: solc.version(),
    abi,
    bytecode: `0x${evm.bytecode.object}`,
  }));
}

/** A file and all that it imports, and nothing else, so that what stands beside them cannot change a byte. */
function needed(file: string, sources: Readonly<Record<string, string>>, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, imported = ""] of (sources[file] ?? "").matchAll(/^import .* from "(\.[^"]+)";$/gm)) {
    needed(new URL(imported, `file:///${file}`).pathname.slice(1), sources, found);
  }
  return found;
}

/** The contract that gives its file the name. Throws as {@link compileFile}. */
export async function compile(contract: string): Promise<Artifact> {
  const artifact = compileFile(`${contract}.sol`, await readSources(), true).find((one) => one.contract === contract);
  if (artifact === undefined) throw new Error(`${contract}.sol has no contract ${contract}`);
  return artifact;
}

export const artifactText = (artifact: Artifact): string => `${JSON.stringify(artifact, undefined, 2)}\n`;

export const readArtifact = async (contract: string): Promise<Artifact> =>
  JSON.parse(await readFile(artifactOf(contract), "utf8")) as Artifact;
