/** Where the command line reads a log's static files: a URL, a folder, or the gateway itself. */
import { createHash } from "node:crypto";
import { QuanjiError } from "@quanji/chaincode/domain";
import { folderTiles, httpTiles } from "../sdk/index.js";
import { parseAddress } from "../sdk/network.js";
import type { TileSource } from "../verify/index.js";
import type { Context } from "./context.js";
import { writeBeside } from "./files.js";

/** Without names: the gateway that is configured. Errors: usage; CONFIG_INVALID. */
export async function sourcesOf(
  context: Context,
  named: readonly string[],
  origin: string,
): Promise<readonly TileSource[]> {
  if (named.length === 0) return [gatewayTiles(context, await context.gateway(), origin)];
  return named.map((name) =>
    /^https?:\/\//i.test(name) ? httpTiles(name, origin, context.io.fetch) : folderTiles(context.path(name), origin),
  );
}

export function gatewayTiles(context: Context, gateway: string, origin: string): TileSource {
  const n = origin.slice(origin.lastIndexOf("/") + 1);
  return httpTiles(`${parseAddress(gateway)}/v1/logs/${n}`, origin, context.io.fetch);
}

/** Keeps a fork proof in the current folder, under a name of its own. Errors: usage. */
export async function forkFound(context: Context, log: string, proof: string): Promise<QuanjiError> {
  const file = `fork-${createHash("sha256").update(proof).digest("hex").slice(0, 16)}.evidence.json`;
  await writeBeside(context, file, proof);
  return new QuanjiError(
    "PROOF_INVALID",
    `${log} has signed two histories: the proof is in ${file}; quanji evidence ${file} checks it, and the regulator must have it`,
    { detail: "FORK" },
  );
}
