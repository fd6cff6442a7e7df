/** The data behind a story's resources: rows by path, a count of who asked, and failures when they are told. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export type Rows = readonly Readonly<Record<string, string | number>>[];

export class StorySource {
  asked = 0;
  /** So many of the next requests fail. */
  failing = 0;
  readonly #server: Server;

  private constructor(server: Server, rows: ReadonlyMap<string, Rows>) {
    this.#server = server;
    server.on("request", (request, response) => {
      this.asked++;
      const items = rows.get((request.url ?? "").split("?")[0] ?? "");
      if (items === undefined || this.failing > 0) {
        if (items !== undefined) this.failing--;
        response.writeHead(items === undefined ? 404 : 503).end();
        return;
      }
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items }));
    });
  }

  /** @param rows by path */
  static async open(rows: ReadonlyMap<string, Rows>): Promise<StorySource> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new StorySource(server, rows);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
