/** Somebody's HTTP API: knows nothing of Quanji, counts how often it is asked, and can be told to keep its callers waiting. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Gate } from "./until.js";

export const ROWS = [
  { day: "2026-01-01", city: "Shenzhen", rain: 3 },
  { day: "2026-01-02", city: "Shenzhen", rain: 0 },
  { day: "2026-01-03", city: "Chengdu", rain: 12 },
] as const;

export class CountingSource {
  readonly url: string;
  /** Requests that have arrived, answered or not. */
  asked = 0;
  readonly #server: Server;
  #held: { readonly arrived: Gate; readonly released: Gate } | undefined;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
    server.on("request", (_request, response) => {
      this.asked++;
      const held = this.#held;
      held?.arrived.open();
      void (held?.released.passed ?? Promise.resolve()).then(() => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ items: ROWS }));
      });
    });
  }

  /** @param host where it listens, and is found */
  static async open(host = "127.0.0.1"): Promise<CountingSource> {
    const server = createServer();
    server.listen(0, host);
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    return new CountingSource(server, `http://${host}:${address.port}`);
  }

  /** From now on nobody is answered until `release`. `arrived` resolves with the first who asks. */
  hold(): { readonly arrived: Promise<void>; readonly release: () => void } {
    const held = { arrived: new Gate(), released: new Gate() };
    this.#held = held;
    return {
      arrived: held.arrived.passed,
      release: () => {
        this.#held = undefined;
        held.released.open();
      },
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
