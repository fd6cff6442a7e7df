/** `npm run evm -- escrow …`: each step of a deal, for whoever's it is. */
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Command } from "commander";
import { addEscrow } from "./addresses.js";
import { connected, type Io, type Options, say, walletOf } from "./cli.js";
import { dealOf, toBytes32 } from "./escrow.js";
import { acting, address, commandsOf, type EscrowOptions, looking, told } from "./escrow-cli-shared.js";
import { addSignedCommands } from "./escrow-cli-signed.js";
import { deployEscrow } from "./escrow-contract.js";
import { readTerms } from "./escrow-files.js";

export function addEscrowCommands(program: Command, io: Io): void {
  const escrow = program
    .command("escrow")
    .description(
      "money that waits for statements: deploy, open, lock, draft, sign, claim, dispute, settle, withdraw, cancel",
    );
  const { looks, acts } = commandsOf(escrow);

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

  addSignedCommands(escrow, io);

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

  looks("show <deal> [root]", "a deal as it stands in the contract, or a claim of it; anybody may ask").action(
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

  looks("balance <token> <account>", "what an account may take out; anybody may ask").action(
    async (token: string, account: string, options: EscrowOptions) => {
      const [of, who] = [address(token), address(account)];
      await looking(io, options, async (contract) =>
        say(io, { token: of, account: who, balance: await contract.balance(of, who) }),
      );
    },
  );
}
