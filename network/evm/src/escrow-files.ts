/** Files of an escrow deal: its terms, and what goes from signer to signer until enough have signed. */
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import { replaceFile } from "@quanji/client";
import { isAddress } from "ethers";
import { z } from "zod";
import {
  type Claim,
  claimDigest,
  contractTopic,
  type EscrowPlace,
  orderSignatures,
  type Portion,
  type Resolution,
  type Terms,
} from "./escrow.js";

/** Lower case; where capitals say something (ERC-55), what they say must be right. */
export const Address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .refine(isAddress, "the capitals of an address do not fit: look for a slip in it")
  .transform((address) => address.toLowerCase());
const Bytes32 = z.string().regex(/^0x[0-9a-f]{64}$/);
const Amount = z
  .string()
  .regex(/^(0|[1-9]\d{0,38})$/)
  .transform(BigInt);

const TermsFile = z.strictObject({
  v: z.literal("quanji.escrow-terms.v1"),
  /** Id of the ledger's contract. */
  contract: z.string().min(1).max(200),
  payer: Address,
  token: Address,
  limit: Amount,
  unit: Amount,
  signers: z.array(Address).min(1).max(16),
  threshold: z.int().min(1).max(16),
  disputeSeconds: z.int().min(0).max(0xffffffff),
  /** Seconds since 1970, not milliseconds. */
  expires: z.int().min(1).max(99_999_999_999),
});

const common = {
  chain: z.int().min(1),
  escrow: Address,
  deal: Bytes32,
  root: Bytes32,
  portions: z.array(z.strictObject({ payee: Address, amount: Amount })).max(64),
  signatures: z.array(z.string().regex(/^0x[0-9a-f]{130}$/)).max(16),
};
const ClaimFile = z.strictObject({
  v: z.literal("quanji.escrow-claim.v1"),
  ...common,
  period: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/),
  revision: z.int().min(0).max(0xffffffff),
});
const ResolutionFile = z.strictObject({ v: z.literal("quanji.escrow-resolution.v1"), ...common, reason: Bytes32 });
const SignedFile = z.discriminatedUnion("v", [ClaimFile, ResolutionFile]);

/** A claim, or the answer to a dispute, on its way from signer to signer. */
export interface Signable<W extends Claim | Resolution = Claim | Resolution> {
  readonly place: EscrowPlace;
  readonly what: W;
  /** Ascending by signer. */
  readonly signatures: readonly string[];
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new QuanjiError("CONFIG_INVALID", `${file} cannot be read: look at its path`, { cause });
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new QuanjiError("MALFORMED", `${file} is not JSON`, { cause });
  }
}

/** Signers may stand in any order in the file. Errors: CONFIG_INVALID, MALFORMED. */
export async function readTerms(file: string): Promise<Terms> {
  const {
    contract,
    signers,
    v: _v,
    ...rest
  } = parseWith(TermsFile as z.ZodType<z.infer<typeof TermsFile>>, await readJson(file));
  if (new Set(signers).size < signers.length) {
    throw new QuanjiError("MALFORMED", "a signer is named twice: name each once", { field: "signers" });
  }
  return { contractId: contractTopic(contract), ...rest, signers: signers.toSorted() };
}

/** Errors: CONFIG_INVALID, MALFORMED, SIGNATURE_INVALID. */
export async function readSignable(file: string): Promise<Signable> {
  const row = parseWith(SignedFile as z.ZodType<z.infer<typeof SignedFile>>, await readJson(file));
  const { chain, escrow, deal, root, portions } = row;
  const place = { chain, address: escrow };
  const what =
    row.v === "quanji.escrow-claim.v1"
      ? { deal, root, portions, period: row.period, revision: row.revision }
      : { deal, root, portions, reason: row.reason };
  return { place, what, signatures: orderSignatures(claimDigest(place, what), row.signatures) };
}

export async function writeSignable(file: string, { place, what, signatures }: Signable): Promise<void> {
  const { deal, root, portions } = what;
  const text = (amounts: readonly Portion[]) => amounts.map(({ payee, amount }) => ({ payee, amount: String(amount) }));
  const rows = { chain: place.chain, escrow: place.address, deal, root, portions: text(portions), signatures };
  const row =
    "reason" in what
      ? { v: "quanji.escrow-resolution.v1", ...rows, reason: what.reason }
      : { v: "quanji.escrow-claim.v1", ...rows, period: what.period, revision: what.revision };
  await replaceFile(dirname(file), basename(file), `${JSON.stringify(row, undefined, 2)}\n`, 0o644);
}
