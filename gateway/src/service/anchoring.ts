/** The anchoring of a gateway: what is configured, wired to its logs and its folder. */
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { Anchorer, AnchorStore, Chain } from "../anchoring/index.js";
import { rest } from "../recorder/pause.js";
import type { Closers } from "./closers.js";
import type { Foundation } from "./foundation.js";

const FOLDER = "anchors";
/** For one question to the endpoint. */
const ANSWER_MS = 15_000;

export interface Anchoring {
  /** Exact bytes of an anchor proof of that log: `newest`, or a block's hash without 0x. Served whether or not anchoring goes on. */
  readonly file: (origin: string, name: string) => Promise<Uint8Array | undefined>;
  /** Resolves once anchoring is closed, at once where none is configured. */
  readonly keepAnchoring: () => Promise<void>;
}

/** Errors: CONFIG_INVALID where the key is not in the environment. */
export function openAnchoring(
  { config, environment, readModel, origins, log }: Foundation,
  published: (origin: string) => Promise<string>,
  closers: Closers,
): Anchoring {
  const stores = new Map(origins.map((origin) => [origin, new AnchorStore(path.join(config.data, FOLDER, origin))]));
  const file: Anchoring["file"] = async (origin, name) => stores.get(origin)?.read(name);
  const { anchor } = config;
  if (anchor === undefined) return { file, keepAnchoring: () => Promise.resolve() };
  const key = environment.variables[anchor.keyVariable] ?? "";
  if (!/^0x[0-9a-fA-F]{64}$/.test(key)) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      `anchor.keyVariable: ${anchor.keyVariable} must hold the private key that pays and publishes: 0x and 64 hex digits`,
      { field: "anchor.keyVariable" },
    );
  }
  const { endpoint, chain: chainId, contract, fromBlock, confirmations, everyMs, lookMs } = anchor;
  const anchorer = closers.add(
    new Anchorer({
      chain: new Chain({ endpoint, chain: chainId, contract, key, timeoutMs: ANSWER_MS }),
      logs: [...stores].map(([origin, store]) => ({ origin, store })),
      published,
      node: (origin) => (level, index) => readModel.node(origin, level, index),
      chainId,
      contract,
      fromBlock,
      confirmations,
      everyMs,
      lookMs,
      now: () => performance.now(),
      rest,
      anchored: (origin, size) => environment.logger.info({ log: origin, size }, "anchored"),
      report: (origin, error) => log.fault(`${origin} is not anchored`, error),
    }),
    (open) => open.close(),
  );
  return { file, keepAnchoring: () => anchorer.keepAnchoring() };
}
