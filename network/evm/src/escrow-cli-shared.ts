/** What the commands of `npm run evm -- escrow` share: which contract, and who acts on it. */
import path from "node:path";
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import type { Command } from "commander";
import { readAddresses } from "./addresses.js";
import { addresses, addressOf, connected, endpoint, type Io, keyFile, type Options, walletOf } from "./cli.js";
import type { EscrowPlace } from "./escrow.js";
import { Escrow } from "./escrow-contract.js";
import { Address } from "./escrow-files.js";

export interface EscrowOptions extends Options {
  readonly escrow?: string;
}

export const address = (text: string): string => parseWith<string>(Address, text);
export const contractOption = [
  "--escrow <address>",
  "the escrow contract (default: the chain's newest in the addresses file)",
] as const;

/** With the contract, as whoever has the key. */
export async function acting<T>(
  io: Io,
  options: EscrowOptions,
  work: (escrow: Escrow, self: string) => Promise<T>,
): Promise<T> {
  const wallet = await walletOf(io, options);
  return connected(options.endpoint, async (provider, chain) => {
    const at = await placeOf(io, options, chain);
    return work(await Escrow.at(at, wallet.connect(provider)), wallet.address.toLowerCase());
  });
}

/** With the contract, as anybody. */
export const looking = <T>(io: Io, options: EscrowOptions, work: (escrow: Escrow) => Promise<T>): Promise<T> =>
  connected(options.endpoint, async (provider, chain) =>
    work(await Escrow.at(await placeOf(io, options, chain), provider)),
  );

async function placeOf(io: Io, options: EscrowOptions, chain: number): Promise<EscrowPlace> {
  const { escrow } = options;
  return {
    chain,
    address: escrow === undefined ? await addressOf(io, options.addresses, "escrows", chain) : address(escrow),
  };
}

/** A file's contract must be one that whoever signs or pays knows, not one that the file alone names. */
export async function known(io: Io, { place }: { readonly place: EscrowPlace }, options: EscrowOptions): Promise<void> {
  const { escrows } = await readAddresses(path.resolve(io.folder, options.addresses));
  const found = escrows.some((row) => row.chain === place.chain && row.address === place.address);
  if (found || (options.escrow !== undefined && address(options.escrow) === place.address)) return;
  throw new QuanjiError(
    "CONFIG_INVALID",
    `the file is for the escrow ${place.address} on chain ${place.chain}, and ${options.addresses} does not name that: ask who deployed it`,
  );
}

export const told = ({ hash, blockNumber }: { readonly hash: string; readonly blockNumber: number }) => ({
  transaction: hash,
  block: blockNumber,
});

/** A command below `escrow` that looks, and one that acts and so needs a key. */
export function commandsOf(escrow: Command) {
  const looks = (name: string, description: string): Command =>
    escrow
      .command(name)
      .description(description)
      .option(...endpoint)
      .option(...addresses)
      .option(...contractOption);
  return { looks, acts: (name: string, description: string): Command => looks(name, description).option(...keyFile) };
}
