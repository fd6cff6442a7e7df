/** An adapter as a process: memory, trust file, key and gateway; and, for the command, the proxy. */
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { isHashText } from "@quanji/chaincode/log";
import { Client, readKeyFile } from "@quanji/client";
import { type OpenedTrust, openTrust } from "@quanji/client/verify";
import { SourceAdapter } from "./adapter.js";
import type { SourceConfig } from "./config.js";
import { AdapterMemory } from "./memory.js";
import { newSourceListener } from "./proxy.js";

export interface SourceEnvironment {
  /** Ms since 1970. */
  readonly clock: () => number;
  readonly report: (what: string, error: unknown) => void;
}

export type AdapterConfig = Pick<SourceConfig, "data" | "gateway" | "key" | "trust" | "trustDigest" | "tallyEveryMs">;

export interface OpenAdapter {
  readonly adapter: SourceAdapter;
  /** Tallies once more what it can, and closes its memory. */
  close(): Promise<void>;
}

/**
 * For a program of one's own: `requireTicket(adapter, resource)` before the route, `close()` at the end.
 * Errors: CONFIG_INVALID; those of the trust file; UNREACHABLE: the gateway is asked once, for the network's clock.
 */
export async function openAdapter(config: AdapterConfig, environment: SourceEnvironment): Promise<OpenAdapter> {
  const { clock, report } = environment;
  const trust = new LiveTrust(config, clock);
  const { jwk, party } = await readKeyFile(config.key);
  if (party === undefined) {
    throw new QuanjiError("CONFIG_INVALID", "key: the key file names no party: register the key first", {
      field: "key",
    });
  }
  const pinned = await trust.current();
  const client = await Client.connect({ gateway: config.gateway, key: { jwk, party }, trust: pinned, clock });
  const memory = await AdapterMemory.open(path.join(config.data, "memory"));
  const adapter = new SourceAdapter({
    memory,
    trust: () => trust.current(),
    send: ({ log, resource, from, to, served }) => client.send("tally.sign", { log, resource, from, to, served }),
    now: () => client.nowMs(),
    report,
  });
  const timer = setInterval(() => void adapter.tally(), config.tallyEveryMs);
  timer.unref();
  return {
    adapter,
    async close() {
      clearInterval(timer);
      await adapter.tally();
      await memory.close();
    },
  };
}

/** The trust file, read again when it has changed: a new version has new gateways and logs. */
class LiveTrust {
  readonly #config: AdapterConfig;
  readonly #clock: () => number;
  #opened: OpenedTrust | undefined;
  #stamp = "";

  constructor(config: AdapterConfig, clock: () => number) {
    this.#config = config;
    this.#clock = clock;
  }

  async current(): Promise<OpenedTrust> {
    const { trust, trustDigest } = this.#config;
    const { mtimeNs, size } = await stat(trust, { bigint: true });
    const stamp = `${mtimeNs} ${size}`;
    if (this.#opened !== undefined && stamp === this.#stamp) return this.#opened;
    const previous = this.#opened;
    const pin =
      previous === undefined && trustDigest !== undefined && isHashText(trustDigest) ? trustDigest : undefined;
    this.#opened = await openTrust(await readFile(trust), {
      now: this.#clock(),
      ...(pin !== undefined && { digest: pin }),
      ...(previous !== undefined && { previous }),
    });
    this.#stamp = stamp;
    return this.#opened;
  }
}

export interface OpenSource extends OpenAdapter {
  /** Where it listens. */
  readonly address: string;
}

/** Receipts are some 6 KB, with long proofs more. */
const MAX_HEADER_BYTES = 64 * 1024;

/** Errors: those of {@link openAdapter}; CONFIG_INVALID if it cannot listen. */
export async function openSource(config: SourceConfig, environment: SourceEnvironment): Promise<OpenSource> {
  const open = await openAdapter(config, environment);
  const listener = newSourceListener({ adapter: open.adapter, routes: config.routes, report: environment.report });
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, listener);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(config.port, config.host, resolve);
    });
  } catch (cause) {
    await open.close();
    const where = `${config.host}:${config.port}`;
    throw new QuanjiError("CONFIG_INVALID", `port: cannot listen on ${where}`, { field: "port", cause });
  }
  const { port } = server.address() as AddressInfo;
  return {
    adapter: open.adapter,
    address: `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), config.closeMs);
      await closed;
      clearTimeout(timer);
      await open.close();
    },
  };
}
