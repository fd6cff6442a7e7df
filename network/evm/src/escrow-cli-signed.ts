/** `escrow draft`, `answer`, `sign`, `claim`, `resolve`: what goes from signer to signer as a file. */
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Command } from "commander";
import { addresses, type Io, keyFile, say, walletOf } from "./cli.js";
import {
  type Claim,
  claimDigest,
  type EscrowPlace,
  orderSignatures,
  portionsOf,
  type Resolution,
  signClaim,
  toBytes32,
  totalOf,
} from "./escrow.js";
import {
  acting,
  address,
  commandsOf,
  contractOption,
  type EscrowOptions,
  known,
  looking,
  told,
} from "./escrow-cli-shared.js";
import type { Escrow } from "./escrow-contract.js";
import { readSignable, type Signable, writeSignable } from "./escrow-files.js";

interface DraftOptions extends EscrowOptions {
  readonly root: string;
  readonly portion: readonly string[];
  readonly out: string;
}

export function addSignedCommands(escrow: Command, io: Io): void {
  const { looks, acts } = commandsOf(escrow);

  looks("draft <deal>", "draw up a claim of a statement, for signers to sign")
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

  looks("answer <deal>", "draw up an answer to a dispute, for signers to sign")
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

function sameChain(contract: Escrow, { chain }: EscrowPlace): void {
  if (contract.place.chain === chain) return;
  throw new QuanjiError(
    "CONFIG_INVALID",
    `the file is for chain ${chain} and the endpoint's is ${contract.place.chain}: give the other endpoint`,
  );
}
