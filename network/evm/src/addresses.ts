/** The addresses file: which contract stands where, by chain. What is in it is public; trust files name the same. */
import { readFile } from "node:fs/promises";
import { dirname, basename } from "node:path";
import { parseWith } from "@quanji/chaincode/domain";
import { replaceFile } from "@quanji/client";
import { z } from "zod";
import type { Deployed } from "./anchor-contract.js";

const Address = z.string().regex(/^0x[0-9a-f]{40}$/);

export const Addresses = z.strictObject({
  v: z.literal("quanji.addresses.v1"),
  anchors: z.array(
    z.strictObject({
      chain: z.int().min(1),
      address: Address,
      block: z.int().min(0),
      transaction: z.string().regex(/^0x[0-9a-f]{64}$/),
      registrar: Address,
    }),
  ),
});
export type Addresses = z.infer<typeof Addresses>;

/** An empty one where there is no file. Errors: MALFORMED. */
export async function readAddresses(file: string): Promise<Addresses> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? { v: "quanji.addresses.v1", anchors: [] } : parseWith(Addresses, JSON.parse(text));
}

/** Adds a contract, the newest of its chain last. */
export async function addAddress(file: string, deployed: Deployed): Promise<void> {
  const known = await readAddresses(file);
  const next: Addresses = { ...known, anchors: [...known.anchors, deployed] };
  await replaceFile(dirname(file), basename(file), `${JSON.stringify(next, undefined, 2)}\n`);
}

/** The newest contract of a chain. */
export const newestOf = ({ anchors }: Addresses, chain: number): Addresses["anchors"][number] | undefined =>
  anchors.findLast((row) => row.chain === chain);
