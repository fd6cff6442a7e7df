/** A ground whose gateways ask witnesses: each a witness of an organisation, with its own peer where the ledger has peers. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { openWitness, pino, type Witness, witnessConfigOf } from "@quanji/gateway/testing";
import type { Base, Ground } from "./ground.js";
import { newFolder } from "./stage.js";

export interface Witnessed {
  readonly ground: Ground;
  /** In the order of their organisations; filled when the ground is laid. */
  readonly witnesses: Witness[];
  readonly quorum: number;
  /** Key file of a witness's cosignatures. */
  keyFile(name: string): string;
  /** Opens those that were closed and taken out, each where it stood. */
  again(): Promise<void>;
}

/** On Fabric all organisations but the one whose log it is; on the embedded ledger four that follow its blocks. */
export function witnessed(ground: Ground): Witnessed {
  const isFabric = ground.ledger === "fabric";
  const organisations = isFabric ? ["regulator", "exchange"] : ["audit", "justice", "finance", "press"];
  const quorum = isFabric ? 2 : 3;
  const witnesses: Witness[] = [];
  const places: Place[] = [];
  const lay = async (): Promise<Base> => {
    const base = await ground.lay();
    const port = await freePort();
    const rows = [];
    for (const organisation of organisations) {
      const data = await newFolder();
      const msp = `${organisation.slice(0, 1).toUpperCase()}${organisation.slice(1)}MSP`;
      const ledger = isFabric ? await base.open?.(msp) : undefined;
      const follows = isFabric ? { fabric: { profile: "of the network" } } : { blocks: `http://127.0.0.1:${port}` };
      const name = `witness.${organisation}.test/w`;
      const open = (port: number): Promise<Witness> =>
        openWitness(witnessConfigOf(data, { name, port, ...follows }, {}), {
          clock: Date.now,
          logger: pino({ level: "silent" }),
          ...(ledger !== undefined && { ledger }),
        });
      const witness = await open(0);
      witnesses.push(witness);
      places.push({ name, data, vkey: witness.vkey, again: () => open(Number(new URL(witness.address).port)) });
      const { address: url, vkey, headsKey, blocksKey } = witness;
      rows.push({ organisation, url, vkey, headsKey, blocksKey });
    }
    return {
      ...base,
      config: { ...base.config, port, witnesses: rows, quorum, ...(!isFabric && { publishBlocks: true }) },
      close: async () => {
        for (const witness of witnesses) await witness.close();
        await base.close();
        for (const { data } of places) await rm(data, { recursive: true });
      },
    };
  };
  return {
    ground: { ...ground, lay },
    witnesses,
    quorum,
    keyFile: (name) => path.join(places.find((place) => place.name === name)?.data ?? "", "keys", "witness.jwk"),
    again: async () => {
      const open = new Set(witnesses.map(({ vkey }) => vkey));
      for (const { vkey, again } of places) if (!open.has(vkey)) witnesses.push(await again());
    },
  };
}

interface Place {
  readonly name: string;
  readonly data: string;
  readonly vkey: string;
  readonly again: () => Promise<Witness>;
}

/** One that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
