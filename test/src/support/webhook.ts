/** Where a monitor posts its notices: takes those that the party signed for this address, and refuses while it is told to. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseAnswerJws } from "@quanji/chaincode/log";
import { type Signer, signatureVerifier } from "@quanji/client";

export interface Told {
  readonly id: string;
  readonly seq: number;
  readonly kind: string;
  readonly code?: string;
  readonly about?: string;
  readonly alarm?: string;
  readonly request?: string;
  readonly verified?: boolean;
  readonly evidence?: string;
}

export class Webhook {
  /** What it has taken, in the order in which it came. */
  readonly taken: Told[] = [];
  accepts = true;
  readonly #server: Server;

  private constructor({ jwk }: Signer) {
    const verify = signatureVerifier();
    const take = async (body: string): Promise<number> => {
      const jws = parseAnswerJws(JSON.parse(body), { maxBytes: 1 << 16, maxDepth: 8 });
      if (!(await verify(jwk, jws.signingInput, jws.signature)) || !this.accepts) return 503;
      if (jws.payload["to"] === this.url) this.taken.push(jws.payload as unknown as Told);
      return 204;
    };
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
      request.on("end", () => {
        take(body).then(
          (status) => void response.writeHead(status).end(),
          () => void response.writeHead(400).end(),
        );
      });
    });
  }

  static async open(signer: Signer): Promise<Webhook> {
    const webhook = new Webhook(signer);
    webhook.#server.listen(0, "127.0.0.1");
    await once(webhook.#server, "listening");
    return webhook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/notices`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Uses among notices that are of one request. */
export const usesOf = (told: readonly Told[], request: string): readonly Told[] =>
  told.filter((one) => one.kind === "use" && one.request === request);
