/** The demo's witnesses: a process each, one of which shows others another log than the one that it cosigned. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type GatewayProcess, ROOT, startServer } from "../support/process.js";

const PROGRAM = path.join(ROOT, "gateway", "bin", "quanji-witness.js");
const LIAR = fileURLToPath(new URL("lying-witness.js", import.meta.url));

/** None of them has a log or serves data. */
const ORGANISATIONS = ["audit", "justice", "finance", "consumers", "press", "academy", "chamber"] as const;
export const MAX_WITNESSES = ORGANISATIONS.length;
/** With fewer, the quorum needs all of them, and none may be switched off. */
export const MIN_WITNESSES = 4;

type Process = Omit<GatewayProcess, "data">;

export interface DemoWitness {
  readonly organisation: string;
  /** As the gateway's configuration names it. */
  readonly row: {
    readonly organisation: string;
    readonly url: string;
    readonly vkey: string;
    readonly headsKey: string;
  };
  readonly lies: boolean;
  stop(): Promise<void>;
}

/**
 * Starts so many witnesses that follow the blocks of a gateway which need not be there yet. The last one stands behind a liar.
 * @param blocks address of that gateway
 */
export async function startWitnesses(folder: string, count: number, blocks: string): Promise<readonly DemoWitness[]> {
  const started: DemoWitness[] = [];
  try {
    for (const organisation of ORGANISATIONS.slice(0, count)) {
      started.push(
        await startWitness(path.join(folder, organisation), organisation, blocks, started.length === count - 1),
      );
    }
    return started;
  } catch (error) {
    await Promise.all(started.map((one) => one.stop()));
    throw error;
  }
}

async function startWitness(data: string, organisation: string, blocks: string, lies: boolean): Promise<DemoWitness> {
  await mkdir(data, { recursive: true });
  const name = `witness.${organisation}.example/w`;
  await writeFile(path.join(data, "witness.json"), JSON.stringify({ name, port: 0, blocks, log: { level: "error" } }));
  const honest = await startServer([PROGRAM], { QUANJI_DATA: data, QUANJI_PORT: "" });
  const { vkey, headsKey } = (await (await fetch(`${honest.url}/healthz`)).json()) as Record<
    "vkey" | "headsKey",
    string
  >;
  const key = path.join(data, "keys", "witness.jwk");
  const processes: Process[] = [honest];
  if (lies) processes.push(await startServer([LIAR, honest.url, key, name]));
  const [url = ""] = processes.map((one) => one.url).reverse();
  return {
    organisation,
    row: { organisation, url, vkey, headsKey },
    lies,
    stop: async () => {
      for (const one of processes.reverse()) await one.stop();
    },
  };
}

/** The fork proofs in a gateway's data folder. */
export async function forkProofs(data: string): Promise<readonly string[]> {
  const folder = path.join(data, "evidence");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".evidence.json"));
  return names.map((name) => path.join(folder, name));
}
