/** The addresses file: which contract stands where, by chain. What is in it is public; trust files name the same. */
import { readFile } from "node:fs/promises";
import { dirname, basename } from "node:path";
import { parseWith } from "@quanji/chaincode/domain";
import { replaceFile } from "@quanji/client";
import { z } from "zod";
import type { Deployed } from "./anchor-contract.js";
import type { Place } from "./deploy.js";

const Address = z.string().regex(/^0x[0-9a-f]{40}$/);
const PlaceRow = z.strictObject({
  chain: z.int().min(1),
  address: Address,
  block: z.int().min(0),
  transaction: z.string().regex(/^0x[0-9a-f]{64}$/),
});

export const Addresses = z.strictObject({
  v: z.literal("quanji.addresses.v1"),
  anchors: z.array(z.strictObject({ ...PlaceRow.shape, registrar: Address })),
  /** Absent in files of before there were any. */
  escrows: z.array(PlaceRow).default([]),
});
export type Addresses = z.infer<typeof Addresses>;

/** An empty one where there is no file. Errors: MALFORMED. */
export async function readAddresses(file: string): Promise<Addresses> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return { v: "quanji.addresses.v1", anchors: [], escrows: [] };
  return parseWith<Addresses>(Addresses, JSON.parse(text));
}

/** Adds a contract, the newest of its chain last. */
export async function addAddress(file: string, anchor: Deployed): Promise<void> {
  const known = await readAddresses(file);
  await write(file, { ...known, anchors: [...known.anchors, anchor] });
}

export async function addEscrow(file: string, escrow: Place): Promise<void> {
  const known = await readAddresses(file);
  await write(file, { ...known, escrows: [...known.escrows, escrow] });
}

/** The newest contract of a chain. */
export const newestOf = <K extends "anchors" | "escrows">(
  addresses: Addresses,
  kind: K,
  chain: number,
): Addresses[K][number] | undefined => addresses[kind].findLast((row) => row.chain === chain);

const write = (file: string, addresses: Addresses): Promise<void> =>
  replaceFile(dirname(file), basename(file), `${JSON.stringify(addresses, undefined, 2)}\n`);
