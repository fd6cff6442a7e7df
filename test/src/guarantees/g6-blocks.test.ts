/**
 * G6 on the whole of it: an orderer that tells one witness's peer another block than everybody else, found out by what witnesses
 * tell each other, and shown to whoever holds the gateway's trust file.
 */
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { openWitness, pino, type Witness, witnessConfigOf } from "@quanji/gateway/testing";
import { expect } from "chai";
import { envelopesOf, seal, signerOf, withEnvelopes } from "../fabric/audit/forgery.js";
import { EMBEDDED, EMBEDDED_BASE, type Ground } from "../support/ground.js";
import type { LocalHost } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { newFolder, Stage } from "../support/stage.js";
import { until } from "../support/until.js";

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** The blocks that a gateway publishes, but for one that the victim is told instead; nothing follows it. */
class Eclipse {
  readonly #server: Server;
  /** Where the gateway publishes. */
  source = "";
  forged: { readonly number: number; readonly bytes?: Uint8Array } | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Eclipse> {
    const server = createServer((request, response) => {
      eclipse.#answer(request.url ?? "").then(
        (answer) => response.writeHead(answer.status).end(answer.body),
        () => response.writeHead(502).end(),
      );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const eclipse = new Eclipse(server);
    return eclipse;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(route: string): Promise<Answer> {
    const told = this.#told(route);
    if (told !== undefined) return told;
    const answer = await fetch(this.source + route);
    const body = Buffer.from(await answer.arrayBuffer());
    // Who waited for a block since before the eclipse is told what holds now.
    return this.#told(route) ?? { status: answer.status, body };
  }

  /** Undefined for what it passes on. */
  #told(route: string): Answer | undefined {
    const { forged } = this;
    if (forged === undefined) return undefined;
    const number = /^\/v1\/blocks\/(\d+)$/.exec(route)?.[1];
    if (number === undefined) return { status: 200, body: Buffer.from(JSON.stringify({ height: forged.number + 1 })) };
    if (Number(number) === forged.number && forged.bytes !== undefined) return { status: 200, body: forged.bytes };
    return Number(number) >= forged.number ? { status: 404, body: Buffer.alloc(0) } : undefined;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe("G6 an eclipsed peer", () => {
  const NAMES = ["audit", "press"] as const;
  const folders: string[] = [];
  const witnesses = new Map<string, Witness>();
  let eclipse: Eclipse;
  let stage: Stage<LocalHost>;

  const open = async (name: string, data: string, input: object): Promise<Witness> => {
    const config = witnessConfigOf(data, { name: `witness.${name}.test/w`, ...input }, {});
    return openWitness(config, { clock: Date.now, logger: pino({ level: "silent" }) });
  };

  before(async () => {
    eclipse = await Eclipse.open();
    const rows: { organisation: string; url: string; vkey: string; headsKey: string; blocksKey: string }[] = [];
    const lay: Ground["lay"] = async () => {
      for (const organisation of NAMES) {
        const data = await newFolder();
        folders.push(data);
        const witness = await open(organisation, data, { port: 0, blocks: eclipse.url });
        const { address, vkey, headsKey, blocksKey } = witness;
        await witness.close();
        rows.push({ organisation, url: address, vkey, headsKey, blocksKey });
      }
      return { ...EMBEDDED_BASE, config: { witnesses: rows, quorum: 2, publishBlocks: true } };
    };
    stage = await Stage.open({ ground: { ...EMBEDDED, lay } });
    eclipse.source = stage.host.address;
    await stage.granted();
    for (const [i, name] of NAMES.entries()) {
      const other = rows[1 - i];
      witnesses.set(
        name,
        await open(name, folders[i] ?? "", {
          port: Number(new URL(rows[i]?.url ?? "").port),
          // One follows the gateway, the other what the orderer tells it.
          blocks: i === 0 ? stage.host.address : eclipse.url,
          others: [{ url: other?.url, blocksKey: other?.blocksKey }],
          exchangeMs: 50,
        }),
      );
    }
  });
  after(async () => {
    for (const witness of witnesses.values()) await witness.close();
    eclipse.close();
    await stage.close();
    for (const folder of folders) await rm(folder, { recursive: true });
  });

  const healthy = async (name: string): Promise<boolean> =>
    (await fetch(`${witnesses.get(name)?.address ?? ""}/healthz`)).ok;
  const metrics = async (name: string): Promise<string> =>
    (await fetch(`${witnesses.get(name)?.address ?? ""}/metrics`)).text();
  const evidence = async (file: string): Promise<Ran> =>
    runProgram([QUANJI, "evidence", file, "--trust", path.join(stage.host.data, "trust.json")]);

  it("the trust file names the keys of block notes", async () => {
    expect([...(await stage.trust()).blocks.keys()]).to.deep.equal([...NAMES]);
  });

  it("while all is well they agree", async () => {
    for (const name of NAMES) {
      await until(async () => (/outcome="agrees"\} [1-9]/.test(await metrics(name)) ? true : undefined));
      expect(await healthy(name)).to.equal(true);
    }
  });

  it("one block that the orderer signed for the victim alone: both stop, and each file convicts by the trust file alone", async () => {
    const height = async (): Promise<number> =>
      ((await (await fetch(`${stage.host.address}/v1/blocks`)).json()) as { readonly height: number }).height;
    const number = await height();
    const before = new Uint8Array(await (await fetch(`${stage.host.address}/v1/blocks/${number - 1}`)).arrayBuffer());
    // The victim waits for its next block, whatever the others get.
    eclipse.forged = { number };
    await stage.use("insurer", stage.access(await stage.granted()));
    const truth = new Uint8Array(await (await fetch(`${stage.host.address}/v1/blocks/${number}`)).arrayBuffer());
    const folder = path.join(stage.host.data, "organisations", "OrdererMSP");
    const orderer = await signerOf("OrdererMSP", {
      certificate: path.join(folder, "orderer.pem"),
      key: path.join(folder, "orderer.key"),
    });
    eclipse.forged = { number, bytes: seal(withEnvelopes(truth, envelopesOf(before)), [orderer], false) };
    const work = await newFolder();
    folders.push(work);
    for (const name of NAMES) {
      const { address = "" } = witnesses.get(name) ?? {};
      await until(async () => ((await healthy(name)) ? undefined : true));
      const names = await until(async () => {
        const found = (await (await fetch(`${address}/evidence`)).json()) as string[];
        return found.length === 2 ? found : undefined;
      });
      const said: string[] = [];
      for (const file of names) {
        const kept = path.join(work, file);
        await writeFile(kept, Buffer.from(await (await fetch(`${address}/evidence/${file}`)).arrayBuffer()));
        const { exitCode, out, err } = await evidence(kept);
        expect(exitCode, out + err).to.equal(0);
        said.push(out);
      }
      expect(said.join("\n"))
        .to.match(/LEDGER FORK SHOWN/)
        .and.to.match(/both are signed by the orderer OrdererMSP/)
        .and.to.match(/TWO ACCOUNTS OF ONE BLOCK SHOWN/)
        .and.to.match(/one of them, or the peer behind it, is wrong: signed by witness\.audit\.test\/w\/blocks/);
    }
  });
});
