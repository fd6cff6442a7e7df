/**
 * Everything that a network has handed to those who are no members of the holder's collection: what the exchange's client is
 * sent by any peer that it asks, what lies on the disks of its own peer and of the orderers, and every peer's blocks.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { readProfile } from "@quanji/gateway/fabric";
import { Endpoints } from "@quanji/gateway/testing/endpoints";
import { type FabricNetwork, heightAt, silent } from "@quanji/network/fabric";
import type { Spread } from "../../support/ground.js";

export async function spreadOf(network: FabricNetwork): Promise<Spread> {
  const { layout, topology } = network;
  const blocks = topology.peers.map(({ id }) => path.join(layout.node(id), "data", "ledgersData", "chains"));
  const strangers = ["peer0.exchange", ...topology.orderers.map(({ id }) => id)];
  const logs = (await readdir(layout.at("logs"))).filter((name) => strangers.some((id) => name.includes(id)));
  const files = await Promise.all([
    ...[...blocks, ...strangers.map((id) => layout.node(id))].map(filesBelow),
    ...logs.map(async (name) => [await readFile(layout.at("logs", name))]),
  ]);
  const [first] = topology.peers;
  const height = first === undefined ? 0 : await heightAt(await network.tools(silent), first);
  const hear = (organisation: string, at: string): Promise<Buffer[]> => heardBy(network, organisation, at, height);
  const heard = await Promise.all(topology.peers.map(({ id }) => hear("exchange", id)));
  return { public: [...files, ...heard].flat(), confidential: await hear("holder", "peer0.holder") };
}

/** Databases in use are read as they lie there: what is in none of their bytes is in none of their values. */
async function filesBelow(folder: string): Promise<Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return (await Promise.all(files.map(bytesOf))).flat();
}

/** None if the database has just replaced that file by another. */
const bytesOf = (file: string): Promise<Buffer[]> =>
  readFile(file).then(
    (bytes) => [bytes],
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    },
  );

/** Each block with private data, as one organisation's client gets it from a peer of its choice. */
async function heardBy(network: FabricNetwork, organisation: string, at: string, height: number): Promise<Buffer[]> {
  const profile = await readProfile(network.layout.profile(organisation));
  const chosen = profile.peers.filter(({ name }) => name === at);
  if (chosen.length === 0) throw new Error(`${organisation} knows no peer ${at}`);
  const endpoints = new Endpoints({ ...profile, ownPeers: chosen });
  try {
    const events = await endpoints.inUse.network.getBlockAndPrivateDataEvents({ startBlock: 0n });
    const heard: Buffer[] = [];
    for await (const message of events) {
      heard.push(Buffer.from(message.serializeBinary()));
      if (heard.length === height) break;
    }
    return heard;
  } finally {
    endpoints.close();
  }
}
