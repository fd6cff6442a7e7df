/**
 * A log's static files by plain GET: checkpoint and hash tiles under `/v1/logs/{n}/`, so that any cache may stand in front and
 * anybody can prove from them. There are no entry bundles: an entry is the hashes of a record's face and body, and what a
 * face says is few enough to be guessed from its hash.
 * @see C2SP tlog-tiles
 */
import type { ServerResponse } from "node:http";
import {
  concat,
  parseTilePath,
  sha256,
  TILE_LEVELS,
  TILE_WIDTH,
  type TileId,
  tileWidth,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import { notFound } from "./answers.js";
import type { Edge } from "./edge.js";

type Params = Readonly<Record<string, string | readonly string[]>>;

/** Seconds: whoever polls through a cache is behind by no more. */
const CHECKPOINT_CACHE = "public, max-age=1";
const TILE_CACHE = "public, max-age=31536000, immutable";

export async function sendCheckpoint(edge: Edge, response: ServerResponse, params: Params): Promise<void> {
  const origin = await originOf(edge, params);
  const text = utf8(await edge.evidence.published(origin));
  sendFile(response, { type: "text/plain; charset=utf-8", cache: CHECKPOINT_CACHE, bytes: text });
}

/** Tiles of committed records only, each at its own path and at no other spelling of it. */
export async function sendTile(edge: Edge, response: ServerResponse, params: Params): Promise<void> {
  const origin = await originOf(edge, params);
  const { size = 0 } = (await edge.readModel.log(origin)) ?? {};
  const tile = parseTilePath(`tile/${textOf(params["level"])}/${textOf(params["tile"])}`);
  if (tile === undefined || tileWidth(size, tile.tier, tile.index) < tile.width) throw notFound();
  const bytes = await readTile(edge, origin, tile);
  sendFile(response, { type: "application/octet-stream", cache: TILE_CACHE, bytes });
}

/** A proof in another chain, by the hash of its block or as the newest. */
export async function sendAnchor(edge: Edge, response: ServerResponse, params: Params): Promise<void> {
  const origin = await originOf(edge, params);
  const name = textOf(params["name"]);
  if (name !== "newest" && !/^[0-9a-f]{64}$/.test(name)) throw notFound();
  const bytes = await edge.anchor(origin, name);
  if (bytes === undefined) throw notFound();
  const cache = name === "newest" ? CHECKPOINT_CACHE : TILE_CACHE;
  sendFile(response, { type: "application/json; charset=utf-8", cache, bytes });
}

const textOf = (param: string | readonly string[] | undefined): string =>
  typeof param === "string" ? param : (param ?? []).join("/");

async function originOf({ readModel, settings }: Edge, params: Params): Promise<string> {
  const origin = `${settings.net}/${settings.gateway}/${textOf(params["n"])}`;
  if ((await readModel.log(origin)) === undefined) throw notFound();
  return origin;
}

async function readTile({ readModel }: Edge, origin: string, { tier, index, width }: TileId): Promise<Uint8Array> {
  const hashes = Array.from({ length: width }, (_, i) =>
    readModel.node(origin, tier * TILE_LEVELS, index * TILE_WIDTH + i),
  );
  return concat(...(await Promise.all(hashes)));
}

interface StaticFile {
  readonly type: string;
  readonly cache: string;
  readonly bytes: Uint8Array;
}

/** Hashes do not shrink, so nothing is compressed. */
function sendFile(response: ServerResponse, { type, cache, bytes }: StaticFile): void {
  const etag = `"${toBase64url(sha256(bytes)).slice(0, 22)}"`;
  response.setHeader("cache-control", cache);
  response.setHeader("etag", etag);
  response.setHeader("x-content-type-options", "nosniff");
  if (matches(response.req.headers["if-none-match"], etag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  response.statusCode = 200;
  response.setHeader("content-type", type);
  response.setHeader("content-length", bytes.length);
  response.end(bytes);
}

/** Weak comparison, as caches ask. @see RFC 9110 §13.1.2 */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return header.trim() === "*" || tags.includes(etag);
}
