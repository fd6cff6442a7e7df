/** `npm run evm -- escrow …`: each step of a deal, for whoever's it is. */
import path from "node:path";
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import type { Command } from "commander";
import { addEscrow, readAddresses } from "./addresses.js";
import { addresses, addressOf, connected, endpoint, type Io, keyFile, type Options, say, walletOf } from "./cli.js";
import {
  type Claim,
  claimDigest,
  dealOf,
  type EscrowPlace,
  orderSignatures,
  portionsOf,
  type Resolution,
  signClaim,
  toBytes32,
  totalOf,
} from "./escrow.js";
import { deployEscrow, Escrow } from "./escrow-contract.js";
import { Address, readSignable, readTerms, type Signable, writeSignable } from "./escrow-files.js";

interface EscrowOptions extends Options {
  readonly escrow?: string;
}
interface DraftOptions extends EscrowOptions {
  readonly root: string;
  readonly portion: readonly string[];
  readonly out: string;
}

const address = (text: string): string => parseWith<string>(Address, text);
const contractOption = [
  "--escrow <address>",
  "the escrow contract (default: the chain's newest in the addresses file)",
] as const;

/** With the contract, as whoever has the key. */
async function acting<T>(
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
const looking = <T>(io: Io, options: EscrowOptions, work: (escrow: Escrow) => Promise<T>): Promise<T> =>
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
async function known(io: Io, { place }: Signable, options: EscrowOptions): Promise<void> {
  const { escrows } = await readAddresses(path.resolve(io.folder, options.addresses));
  const found = escrows.some((row) => row.chain === place.chain && row.address === place.address);
  if (found || (options.escrow !== undefined && address(options.escrow) === place.address)) return;
  throw new QuanjiError(
    "CONFIG_INVALID",
    `the file is for the escrow ${place.address} on chain ${place.chain}, and ${options.addresses} does not name that: ask who deployed it`,
  );
}

async function readKnown(
  io: Io,
  file: string,
  options: EscrowOptions,
  kind: "claim" | "resolution",
): Promise<Signable> {
  const signable = await readSignable(path.resolve(io.folder, file));
  if ("reason" in signable.what !== (kind === "resolution")) {
    throw new QuanjiError("MALFORMED", `${file} is not a ${kind}: give the file that the draft made`);
  }
  await known(io, signable, options);
  return signable;
}

/** `0x…=1234`: to whom, and how much in minor units of the statement. */
function drafted(portion: readonly string[], unit: bigint) {
  const rows = portion.map((text) => {
    const [, payee = "", amount = ""] = /^(0x[0-9a-fA-F]{40})=(\d{1,30})$/.exec(text) ?? [];
    if (payee === "") throw new QuanjiError("MALFORMED", `${text} is no portion: ADDRESS=AMOUNT, in minor units`);
    return { payee: address(payee), amountMinor: BigInt(amount) };
  });
  return portionsOf(rows, unit);
}

async function drawUp(io: Io, out: string, place: EscrowPlace, what: Claim | Resolution): Promise<void> {
  await writeSignable(path.resolve(io.folder, out), { place, what, signatures: [] });
  say(io, {
    file: out,
    deal: what.deal,
    root: what.root,
    total: totalOf(what.portions),
    digest: claimDigest(place, what),
  });
}

const told = ({ hash, blockNumber }: { readonly hash: string; readonly blockNumber: number }) => ({
  transaction: hash,
  block: blockNumber,
});

export function addEscrowCommands(program: Command, io: Io): void {
  const escrow = program
    .command("escrow")
    .description(
      "money that waits for statements: deploy, open, lock, draft, sign, claim, dispute, settle, withdraw, cancel",
    );
  const command = (name: string, description: string): Command =>
    escrow
      .command(name)
      .description(description)
      .option(...endpoint)
      .option(...addresses)
      .option(...contractOption);
  const acts = (name: string, description: string): Command => command(name, description).option(...keyFile);

  acts("deploy", "deploy the escrow contract, and write it into the addresses file")
    .option("--confirmations <n>", "blocks to wait for, its own counted", "1")
    .action(async (options: Options & { readonly confirmations: string }) => {
      const wallet = await walletOf(io, options);
      await connected(options.endpoint, async (provider) => {
        const deployed = await deployEscrow(wallet.connect(provider), Number(options.confirmations));
        await addEscrow(path.resolve(io.folder, options.addresses), deployed);
        say(io, deployed);
      });
    });

  acts("open <terms>", "open a deal with the terms of a file, as its payer").action(
    async (file: string, options: EscrowOptions) => {
      const terms = await readTerms(path.resolve(io.folder, file));
      await acting(io, options, async (contract) =>
        say(io, { deal: dealOf(terms), ...told(await contract.open(terms)) }),
      );
    },
  );

  acts("lock <deal> <amount>", "lock an amount of the token's smallest units, as the payer").action(
    async (deal: string, amount: string, options: EscrowOptions) => {
      if (!/^\d{1,39}$/.test(amount))
        throw new QuanjiError("MALFORMED", "the amount is a whole number of smallest units");
      const id = toBytes32(deal, "deal");
      await acting(io, options, async (contract) => {
        const receipt = await contract.lock(id, BigInt(amount));
        say(io, { deal: id, free: (await contract.deal(id)).free, ...told(receipt) });
      });
    },
  );

  command("draft <deal>", "draw up a claim of a statement, for signers to sign")
    .requiredOption("--root <hash>", "digest of the statement")
    .requiredOption("--period <month>", "month of the statement, YYYY-MM")
    .option("--revision <n>", "0 for the statement, 1 and on for its adjustments", "0")
    .requiredOption("--portion <address=minor...>", "who gets how much, in minor units of the statement")
    .requiredOption("--out <file>", "where to write it")
    .action(async (deal: string, options: DraftOptions & { readonly period: string; readonly revision: string }) => {
      const { period, revision } = options;
      if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(period)) throw new QuanjiError("MALFORMED", "the period is a month, YYYY-MM");
      if (!/^\d{1,9}$/.test(revision)) throw new QuanjiError("MALFORMED", "the revision is a whole number");
      const [id, root] = [toBytes32(deal, "deal"), toBytes32(options.root, "root")];
      await looking(io, options, async (contract) => {
        const portions = drafted(options.portion, (await contract.deal(id)).unit);
        await drawUp(io, options.out, contract.place, { deal: id, root, period, revision: Number(revision), portions });
      });
    });

  command("answer <deal>", "draw up an answer to a dispute, for signers to sign")
    .requiredOption("--root <hash>", "digest of the statement")
    .option("--portion <address=minor...>", "who gets how much, in minor units; none: all back to the payer", [])
    .requiredOption("--out <file>", "where to write it")
    .action(async (deal: string, options: DraftOptions) => {
      const [id, root] = [toBytes32(deal, "deal"), toBytes32(options.root, "root")];
      await looking(io, options, async (contract) => {
        const { state, reason } = await contract.claimRow(id, root);
        if (state !== "disputed") throw new QuanjiError("STATE_CONFLICT", `the claim is ${state}, not disputed`);
        const portions = drafted(options.portion, (await contract.deal(id)).unit);
        await drawUp(io, options.out, contract.place, { deal: id, root, reason, portions });
      });
    });

  escrow
    .command("sign <file>")
    .description("sign a claim or an answer, as a signer; nobody is asked, so it works offline")
    .requiredOption("--root <hash>", "digest of the statement as you yourself have it from the ledger")
    .option(...addresses)
    .option(...contractOption)
    .option(...keyFile)
    .action(async (file: string, options: EscrowOptions & { readonly root: string }) => {
      const signable = await readSignable(path.resolve(io.folder, file));
      const { place, what } = signable;
      await known(io, signable, options);
      if (what.root !== toBytes32(options.root, "root")) {
        throw new QuanjiError(
          "EVIDENCE_MISSING",
          `the file is about ${what.root}, another statement than yours: do not sign`,
        );
      }
      const wallet = await walletOf(io, options);
      const digest = claimDigest(place, what);
      const signatures = orderSignatures(digest, [...signable.signatures, await signClaim(wallet, place, what)]);
      await writeSignable(path.resolve(io.folder, file), { place, what, signatures });
      const portions = what.portions.map(({ payee, amount }) => ({ payee, amount }));
      say(io, {
        signer: wallet.address.toLowerCase(),
        signatures: signatures.length,
        total: totalOf(portions),
        portions,
      });
    });

  acts("claim <file>", "claim with the signatures of a file; anybody may").action(
    async (file: string, options: EscrowOptions) => {
      const { place, what, signatures } = await readKnown(io, file, options, "claim");
      await acting(io, { ...options, escrow: place.address }, async (contract) => {
        sameChain(contract, place);
        const receipt = await contract.claim(what as Claim, signatures);
        const { end } = await contract.claimRow(what.deal, what.root);
        say(io, { deal: what.deal, root: what.root, settles: new Date(end * 1000).toISOString(), ...told(receipt) });
      });
    },
  );

  acts("resolve <file>", "end a dispute with the signatures of a file; anybody may").action(
    async (file: string, options: EscrowOptions) => {
      const { place, what, signatures } = await readKnown(io, file, options, "resolution");
      await acting(io, { ...options, escrow: place.address }, async (contract) => {
        sameChain(contract, place);
        say(io, { deal: what.deal, root: what.root, ...told(await contract.resolve(what as Resolution, signatures)) });
      });
    },
  );

  acts("dispute <deal> <root>", "dispute a claim within its window, as the payer")
    .requiredOption("--reason <hash>", "hash of what the payer says on the ledger")
    .action(async (deal: string, root: string, options: EscrowOptions & { readonly reason: string }) => {
      const [id, of, reason] = [toBytes32(deal, "deal"), toBytes32(root, "root"), toBytes32(options.reason, "reason")];
      await acting(io, options, async (contract) =>
        say(io, { deal: id, root: of, ...told(await contract.dispute(id, of, reason)) }),
      );
    });

  for (const [name, what] of [
    ["settle", "credit the portions of a claim whose window is over; anybody may"],
    ["lapse", "give a claim back to the payer whose dispute nobody answered in time; anybody may"],
  ] as const) {
    acts(`${name} <deal> <root>`, what).action(async (deal: string, root: string, options: EscrowOptions) => {
      const [id, of] = [toBytes32(deal, "deal"), toBytes32(root, "root")];
      await acting(io, options, async (contract) =>
        say(io, { deal: id, root: of, ...told(await contract[name](id, of)) }),
      );
    });
  }

  acts("cancel <deal>", "give what is free back to the payer once the deal has expired; anybody may").action(
    async (deal: string, options: EscrowOptions) => {
      const id = toBytes32(deal, "deal");
      await acting(io, options, async (contract) => say(io, { deal: id, ...told(await contract.cancel(id)) }));
    },
  );

  acts("withdraw <token>", "take out your balance of a token")
    .option("--to <address>", "to whom (default: yourself)")
    .option("--amount <n>", "how much, in smallest units (default: all)")
    .action(async (token: string, options: EscrowOptions & { readonly to?: string; readonly amount?: string }) => {
      const of = address(token);
      if (options.amount !== undefined && !/^\d{1,39}$/.test(options.amount)) {
        throw new QuanjiError("MALFORMED", "the amount is a whole number of smallest units");
      }
      await acting(io, options, async (contract, self) => {
        const amount = options.amount === undefined ? await contract.balance(of, self) : BigInt(options.amount);
        const to = options.to === undefined ? self : address(options.to);
        say(io, { token: of, to, amount, ...told(await contract.withdraw(of, to, amount)) });
      });
    });

  command("show <deal> [root]", "a deal as it stands in the contract, or a claim of it; anybody may ask").action(
    async (deal: string, root: string | undefined, options: EscrowOptions) => {
      const id = deal.startsWith("0x")
        ? toBytes32(deal, "deal")
        : dealOf(await readTerms(path.resolve(io.folder, deal)));
      await looking(io, options, async (contract) => {
        if (root === undefined) {
          say(io, { deal: id, ...(await contract.deal(id)) });
          return;
        }
        const of = toBytes32(root, "root");
        say(io, {
          deal: id,
          root: of,
          ...(await contract.claimRow(id, of)),
          portions: await contract.portions(id, of),
        });
      });
    },
  );

  command("balance <token> <account>", "what an account may take out; anybody may ask").action(
    async (token: string, account: string, options: EscrowOptions) => {
      const [of, who] = [address(token), address(account)];
      await looking(io, options, async (contract) =>
        say(io, { token: of, account: who, balance: await contract.balance(of, who) }),
      );
    },
  );
}

function sameChain(contract: Escrow, { chain }: EscrowPlace): void {
  if (contract.place.chain === chain) return;
  throw new QuanjiError(
    "CONFIG_INVALID",
    `the file is for chain ${chain} and the endpoint's is ${contract.place.chain}: give the other endpoint`,
  );
}
