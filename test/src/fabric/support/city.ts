/**
 * A whole city on a real network: nodes, a gateway in a process of its own, parties with grants, a load, and an audit that reads
 * the blocks elsewhere. Faults are done to it under load.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { verifyTrail } from "@quanji/client/verify";
import {
  essenceOf,
  FabricNetwork,
  type FabricTopology,
  Layout,
  parseFabricTopology,
  readFabricTopology,
  silent,
  type Tools,
} from "@quanji/network/fabric";
import { freePort } from "@quanji/scripts/process";
import { expect } from "chai";
import { ChildHost, type Elsewhere } from "../../support/child.js";
import { LOG } from "../../support/host.js";
import { CountingSource } from "../../support/source.js";
import { IDS, newFolder, RESOURCE, sourcesOf, Stage } from "../../support/stage.js";
import { Audit } from "./audit.js";
import { Disk } from "./disk.js";
import { CALLERS, Load } from "./load.js";
import { Outages } from "./outages.js";
import { PORT_SHIFT } from "./scene.js";

export const BUNDLE = fileURLToPath(new URL("../../../../chaincode/dist/bundle/chaincode.cjs", import.meta.url));

/** Answers before and after: everybody is served more than once. */
const STEADY = 4 * CALLERS.length;
/** Nobody was answered for so long: there is no service. */
const OUT_MS = 2_000;
/** Megabytes: enough for a suite, soon full. */
const DISK = 192;

export interface Fault {
  readonly name: string;
  readonly strike: () => Promise<unknown>;
  /** There is no service until it is mended. Otherwise it comes back before. */
  readonly out?: boolean;
  /** What an operator does. */
  readonly mend?: () => Promise<unknown>;
  /** The gateway itself dies and is started again. */
  readonly killsGateway?: boolean;
}

export interface Seen {
  readonly silentMs: number;
}

export class City implements AsyncDisposable {
  readonly network: FabricNetwork;
  readonly tools: Tools;
  readonly stage: Stage<ChildHost>;
  readonly load: Load;
  readonly #audit: Audit;
  readonly #outages: Outages;
  readonly #close: () => Promise<void>;

  private constructor(parts: {
    readonly network: FabricNetwork;
    readonly tools: Tools;
    readonly stage: Stage<ChildHost>;
    readonly load: Load;
    readonly audit: Audit;
    readonly close: () => Promise<void>;
  }) {
    this.network = parts.network;
    this.tools = parts.tools;
    this.stage = parts.stage;
    this.load = parts.load;
    this.#audit = parts.audit;
    this.#close = parts.close;
    this.#outages = new Outages(parts.network.topology.name);
  }

  /** On the network as it runs now. @param audit the regulator's profile, as this process reaches the network */
  static async on(
    network: FabricNetwork,
    { audit, elsewhere, host = "127.0.0.1" }: CityOptions = { audit: network.layout.profile("regulator") },
  ): Promise<City> {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-city-"));
    const source = await CountingSource.open(host);
    const fabric = { profile: network.layout.profile("holder") };
    // One port for all its lives, so that callers find it again.
    const port = elsewhere === undefined ? await freePort() : Number(new URL(elsewhere.address).port);
    const config = { ...sourcesOf(source), ledger: "fabric", fabric, port, host: elsewhere ? "0.0.0.0" : host };
    const stage = await Stage.on(await ChildHost.open(await newFolder(), config, elsewhere), source);
    const load = await Load.on(stage);
    const opened = await Audit.open(audit, folder);
    const close = async (): Promise<void> => {
      await opened.close();
      await stage.close();
      await rm(folder, { recursive: true });
    };
    return new City({ network, tools: await network.tools(silent), stage, load, audit: opened, close });
  }

  /** Strikes and mends under load; then nothing may be lost, nothing unrecorded, and service as before. */
  async under({ name, strike, mend, out = false, killsGateway = false }: Fault): Promise<Seen> {
    const { load, stage } = this;
    const { pid } = stage.host;
    load.start();
    try {
      await load.answers(STEADY);
      const struck = performance.now();
      await strike();
      await (out ? load.silent(OUT_MS) : load.answers(STEADY));
      const mended = performance.now();
      await mend?.();
      await load.answers(STEADY);
      const silentMs = load.longestSilence(struck);
      const afterMs = out ? load.firstAfter(mended) : undefined;
      await load.stop();
      if (!killsGateway) expect(stage.host.pid, "the gateway runs on").to.equal(pid);
      const { held, failures } = load.take();
      this.#outages.add({ fault: name, silentMs, afterMs, answered: held.length, failures });
      await this.#audit.assertHolds(held, killsGateway);
      await this.#assertDense();
      return { silentMs };
    } finally {
      await load.stop();
    }
  }

  /** Everything at the end: trails of all parties verify without a gap, and the table is printed. */
  async conclude(): Promise<void> {
    this.#outages.print();
    const trust = await this.stage.trust();
    const resource = await this.stage.trail("regulator", "resource", RESOURCE);
    expect(await verifyTrail(resource, trust)).to.include({ ok: true });
    for (const name of CALLERS) {
      const trail = await this.stage.trail(name, "party", IDS[name]);
      expect(await verifyTrail(trail, trust), name).to.include({ ok: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  /** Numbers that got lost are voided, those that came back unused are used; then none is missing and none counts twice. */
  async #assertDense(): Promise<void> {
    const { load, stage } = this;
    for (const name of CALLERS) {
      const client = await stage.client(name);
      const { kid } = stage.signers[name];
      await client.voidLost(LOG);
      await this.#audit.settled((await lastOf(load, name)) + 1);
      for (let gaps = this.#audit.gapsOf(kid); gaps > 0; gaps--) {
        await this.#audit.settled((await lastOf(load, name)) + 1);
      }
      expect(this.#audit.gapsOf(kid), `numbers of ${name} that are missing`).to.equal(0);
      expect((await client.seq(LOG)).next, `where ${name} stands`).to.equal(this.#audit.nextOf(kid));
    }
  }
}

export interface CityOptions {
  readonly audit: string;
  readonly elsewhere?: Elsewhere;
  /** Where the source listens. */
  readonly host?: string;
}

/** Uses once more. @returns the record's place */
async function lastOf(load: Load, name: (typeof CALLERS)[number]): Promise<number> {
  const held = await load.once(name);
  if (held === undefined) throw new Error(`${name} is not served any more`);
  return held.receipt.record.face.index;
}

/** A provided topology as the tests run it: every port shifted, and changed as they want. */
export async function openNetwork(
  name: string,
  change: (essence: ReturnType<typeof essenceOf>) => void = () => undefined,
): Promise<FabricNetwork> {
  const essence = structuredClone(essenceOf(await readFabricTopology(name)));
  const { authorities, ordering, peers } = essence.fabric;
  for (const node of [...authorities, ...ordering.orderers, ...peers]) node.port += PORT_SHIFT;
  change(essence);
  const topology: FabricTopology = parseFabricTopology(essence, name);
  return new FabricNetwork(topology, new Layout(await mkdtemp(path.join(tmpdir(), `quanji-${name}-`))));
}

/** A small disk under a peer's ledger, before the peer is first started. */
export const diskOf = ({ layout }: FabricNetwork, peer: string): Disk =>
  Disk.mount(path.join(layout.node(peer), "data"), DISK);
