/** Compiles the contracts with the `solc` package: no download, and the same bytes from the same source everywhere. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { InterfaceAbi } from "ethers";

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

interface Output {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts?: Readonly<
    Record<
      string,
      Readonly<
        Record<string, { readonly abi: InterfaceAbi; readonly evm: { readonly bytecode: { readonly object: string } } }>
      >
    >
  >;
}

export const sourceOf = (contract: string): URL => new URL(`../contracts/${contract}.sol`, import.meta.url);
export const artifactOf = (contract: string): URL => new URL(`../artifacts/${contract}.json`, import.meta.url);

/** Throws with the compiler's own words for an error and for a warning. */
export async function compile(contract: string): Promise<Artifact> {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const file = `${contract}.sol`;
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: "Solidity",
        sources: { [file]: { content: await readFile(sourceOf(contract), "utf8") } },
        settings: {
          // An old one, so that chains which are slow to follow Ethereum run it too.
          evmVersion: "london",
          optimizer: { enabled: true, runs: 10_000 },
          // No hash of the source's comments in the code.
          metadata: { bytecodeHash: "none", appendCBOR: false },
          outputSelection: { [file]: { [contract]: ["abi", "evm.bytecode.object"] } },
        },
      }),
    ),
  ) as Output;
  const told = (output.errors ?? []).map(({ formattedMessage }) => formattedMessage).join("\n");
  const compiled = output.contracts?.[file]?.[contract];
  if (told !== "" || compiled === undefined) throw new Error(`${file} does not compile\n${told}`);
  return { contract, compiler: solc.version(), abi: compiled.abi, bytecode: `0x${compiled.evm.bytecode.object}` };
}

export const artifactText = (artifact: Artifact): string => `${JSON.stringify(artifact, undefined, 2)}\n`;

export const readArtifact = async (contract: string): Promise<Artifact> =>
  JSON.parse(await readFile(artifactOf(contract), "utf8")) as Artifact;
