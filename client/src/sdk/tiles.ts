/** Static files of a log over HTTP: plain GET, from a gateway or from any web server. */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { TileSource } from "../verify/index.js";
import { DEADLINES, type Deadlines, exchange, type Fetch, transportFault } from "./transport.js";

/** A full tile has 8 KiB, a checkpoint at most 64. */
const MAX_BYTES = 64 * 1024;

/**
 * The files of the log `origin` at `url`, which is the log's own prefix, or a root under which the origin is the path.
 * Errors: UNREACHABLE for anything but the file or its absence.
 */
export function httpTiles(
  url: string,
  origin: string,
  fetch: Fetch = globalThis.fetch,
  deadlines: Deadlines = DEADLINES,
): TileSource {
  const root = url.replace(/\/+$/, "");
  const get = async (address: string): Promise<Uint8Array | undefined> => {
    const reply = await exchange(fetch, { url: address, method: "GET" }, deadlines);
    const bytes = await reply.bytes(MAX_BYTES);
    if (reply.status === 200) return bytes;
    if (reply.status === 404 || reply.status === 410) return undefined;
    throw transportFault(`${address} answers ${reply.status}`, "STATUS");
  };
  return placed(origin, async (path) => get(`${root}/${path}`));
}

/**
 * Asks under the prefix itself first, then under `<origin>/`; keeps to where the checkpoint is. Whoever serves both is not
 * believed more than another: what is read is checked against the log's key.
 */
export function placed(origin: string, get: TileSource): TileSource {
  if (!isPath(origin)) throw new QuanjiError("CONFIG_INVALID", `${origin} is no path`, { field: "log" });
  let prefix: Promise<string> | undefined;
  const find = async (): Promise<string> => {
    const own = await get("checkpoint");
    return own !== undefined && startsWithLine(own, origin) ? "" : `${origin}/`;
  };
  return async (path) => {
    prefix ??= find().catch((error: unknown) => {
      prefix = undefined;
      throw error;
    });
    return get(`${await prefix}${path}`);
  };
}

/** Origins become folders and URLs: none may climb. */
export const isPath = (origin: string): boolean =>
  origin.split("/").every((part) => part !== "" && part !== "." && part !== "..");

const startsWithLine = (bytes: Uint8Array, line: string): boolean =>
  new TextDecoder().decode(bytes.subarray(0, line.length + 1)) === `${line}\n`;
