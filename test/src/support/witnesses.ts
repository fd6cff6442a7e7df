/** A ground whose gateways ask witnesses: each a witness of an organisation, with its own peer where the ledger has peers. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { openWitness, pino, type Witness, witnessConfigOf } from "@quanji/gateway/testing";
import type { Base, Ground } from "./ground.js";
import { newFolder } from "./stage.js";

export interface Witnessed {
  readonly ground: Ground;
  /** In the order of their organisations; filled when the ground is laid. */
  readonly witnesses: Witness[];
  readonly quorum: number;
}

/** On Fabric all organisations but the one whose log it is; on the embedded ledger four that follow its blocks. */
export function witnessed(ground: Ground): Witnessed {
  const isFabric = ground.ledger === "fabric";
  const organisations = isFabric ? ["regulator", "exchange"] : ["audit", "justice", "finance", "press"];
  const quorum = isFabric ? 2 : 3;
  const witnesses: Witness[] = [];
  const lay = async (): Promise<Base> => {
    const base = await ground.lay();
    const port = await freePort();
    const folders: string[] = [];
    const rows = [];
    for (const organisation of organisations) {
      const data = await newFolder();
      folders.push(data);
      const msp = `${organisation.slice(0, 1).toUpperCase()}${organisation.slice(1)}MSP`;
      const ledger = isFabric ? await base.open?.(msp) : undefined;
      const follows = isFabric ? { fabric: { profile: "of the network" } } : { blocks: `http://127.0.0.1:${port}` };
      const config = witnessConfigOf(data, { name: `witness.${organisation}.test/w`, port: 0, ...follows }, {});
      const logger = pino({ level: "silent" });
      const witness = await openWitness(config, { clock: Date.now, logger, ...(ledger !== undefined && { ledger }) });
      witnesses.push(witness);
      const { address: url, vkey, headsKey, blocksKey } = witness;
      rows.push({ organisation, url, vkey, headsKey, blocksKey });
    }
    return {
      ...base,
      config: { ...base.config, port, witnesses: rows, quorum, ...(!isFabric && { publishBlocks: true }) },
      close: async () => {
        for (const witness of witnesses) await witness.close();
        await base.close();
        for (const folder of folders) await rm(folder, { recursive: true });
      },
    };
  };
  return { ground: { ...ground, lay }, witnesses, quorum };
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
