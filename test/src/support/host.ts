/** A real gateway in this process, on a ledger whose submits a test may stand in the way of. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Writable } from "node:stream";
import { configOf, type Gateway, openGateway } from "@quanji/gateway";
import { type Base, EMBEDDED_BASE } from "./ground.js";
import {
  type BlockStream,
  type Committed,
  type EmbeddedLedger,
  type Hooks,
  type Ledger,
  openEmbeddedLedger,
  pino,
  type TransactionRequest,
  type WitnessView,
} from "@quanji/gateway/testing";

/** Commands are signed for this address, wherever the gateway listens. */
export const PUBLIC_URL = "https://gateway.test";
export const NET = "quanji.test/suite";
export const LOG = `${NET}/gw/0`;
/** Name of the gateway as registered. */
export const GATEWAY = "gw";

/** Where a gateway stands: in this process, or in one of its own. */
export interface Host {
  /** Where it can be dialled now: changes with each start. */
  readonly address: string;
  readonly data: string;
  /** Ledger time, ms since 1970. */
  readonly clock: () => number;
  close(): Promise<void>;
}

/** Everything that the gateway has said to its log. */
export class LogLines extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("utf8");
    done();
  }
}

type Submit = (transaction: TransactionRequest, pass: () => Promise<Committed>) => Promise<Committed>;

/** A ledger whose submits a test may refuse, lose, delay or watch. Everything else goes through. */
export class WatchedLedger implements Ledger {
  readonly inner: Ledger;
  /** Stands between the gateway and the ledger; call `pass` to let a transaction through. */
  onSubmit: Submit | undefined;

  constructor(inner: Ledger) {
    this.inner = inner;
  }

  submit(transaction: TransactionRequest): Promise<Committed> {
    const pass = (): Promise<Committed> => this.inner.submit(transaction);
    return this.onSubmit === undefined ? pass() : this.onSubmit(transaction, pass);
  }
  evaluate(transaction: TransactionRequest): Promise<string> {
    return this.inner.evaluate(transaction);
  }
  blocks(from: number): BlockStream {
    return this.inner.blocks(from);
  }
  height(): Promise<number> {
    return this.inner.height();
  }
  find(txId: string): ReturnType<Ledger["find"]> {
    return this.inner.find(txId);
  }
  view(): Promise<WitnessView> {
    return this.inner.view();
  }
  blockBytes(number: number): Promise<Uint8Array | undefined> {
    return this.inner.blockBytes?.(number) ?? Promise.resolve(undefined);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}

export interface HostOptions {
  readonly data: string;
  /** What the gateway stands on. Default: an embedded ledger of its own. */
  readonly base?: Base;
  /** Members of `gateway.json` beside those that every test needs. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of the embedded ledger. */
  readonly hooks?: Hooks;
  /** `each`: every endorser simulates for itself, so that they can differ. Default: `once`. */
  readonly simulate?: "once" | "each";
  readonly lines?: LogLines;
  /** Of the environment, where the gateway looks for credentials. */
  readonly variables?: Readonly<Record<string, string>>;
}

export class LocalHost implements Host {
  readonly data: string;
  readonly lines: LogLines;
  /** How far this host's clock is ahead of the machine's, ms. */
  aheadMs = 0;
  readonly clock = (): number => Date.now() + this.aheadMs;
  readonly #options: HostOptions;
  #gateway: Gateway | undefined;
  #ledger: WatchedLedger | undefined;
  #embedded: EmbeddedLedger | undefined;

  private constructor(options: HostOptions) {
    this.data = options.data;
    this.lines = options.lines ?? new LogLines();
    this.#options = options;
  }

  static async open(options: HostOptions): Promise<LocalHost> {
    const host = new LocalHost(options);
    await host.start();
    return host;
  }

  get gateway(): Gateway {
    return opened(this.#gateway);
  }

  get ledger(): WatchedLedger {
    return opened(this.#ledger);
  }

  get address(): string {
    return this.gateway.address;
  }

  /** Past the gateway, once no peer lags: where endorsers differ then, they differ for another reason. */
  readonly direct: Pick<Ledger, "submit" | "view"> = {
    submit: async (transaction) => {
      await this.#options.base?.settled?.(await this.ledger.height());
      return this.ledger.submit(transaction);
    },
    view: () => this.ledger.view(),
  };

  /** The embedded ledger, where it stands on one. */
  get embedded(): EmbeddedLedger {
    return opened(this.#embedded);
  }

  /** The same ledger through another organisation's client. Who asks closes it, if it is another's. */
  async as(msp: string): Promise<Ledger> {
    return (await this.#options.base?.open?.(msp)) ?? this.embedded.as(msp);
  }

  async start(): Promise<void> {
    const { data, config = {}, hooks = {}, simulate = "once", base = EMBEDDED_BASE } = this.#options;
    const file = path.join(data, "gateway.json");
    const input = { port: 0, publicUrl: PUBLIC_URL, network: { net: NET }, ...base.config, ...config };
    await writeFile(file, JSON.stringify(input));
    this.#gateway = await openGateway(configOf({ data, file, input, environment: {} }), {
      clock: this.clock,
      random: randomBytes,
      logger: pino({ level: "debug", base: null }, this.lines),
      variables: this.#options.variables ?? {},
      durability: "buffered",
      openLedger: async (ledger) => {
        this.#embedded = await openEmbeddedLedger({ ...ledger, hooks, simulate });
        return this.#embedded;
      },
      watchLedger: (ledger) => {
        this.#ledger = new WatchedLedger(ledger);
        return this.#ledger;
      },
    });
  }

  async close(): Promise<void> {
    await this.#gateway?.close();
    this.#gateway = undefined;
  }
}

function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("the gateway is not open");
  return part;
}
