/** What was deployed last from here. The channel has the last word; this says which servers belong to it. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writeJson } from "../tools/files.js";
import type { Layout } from "../topology/layout.js";

const deployment = z.strictObject({
  label: z.string(),
  packageId: z.string(),
  version: z.string(),
  bundleSha256: z.string(),
  /** Which of the two chaincode ports beside each peer. */
  slot: z.int().min(0).max(1),
  sequence: z.int().min(1),
  /** SHA-256 of policy and collections. */
  terms: z.string(),
});

export type Deployment = z.infer<typeof deployment>;

const fileOf = (layout: Layout): string => layout.at("chaincode.json");

export async function readDeployment(layout: Layout): Promise<Deployment | undefined> {
  try {
    return deployment.parse(JSON.parse(await readFile(fileOf(layout), "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export const writeDeployment = (layout: Layout, value: Deployment): Promise<void> => writeJson(fileOf(layout), value);
