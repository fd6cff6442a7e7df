/**
 * A gateway whose operator lies. A real one stands behind it and keeps the ledger; this one stands before it with the operator's
 * own keys, and changes the answers on their way out, once an answer, in the way that its mode says.
 */
import { createServer, request as dial, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { TrailLine } from "@quanji/chaincode/domain";
import { canonical, fromBase64url, NOTE_TYPES, noteKey, signNote } from "@quanji/chaincode/log";
import { openSigner, readKeyFile } from "@quanji/client";
import type { Hands } from "../../../client/dist/verify/forging.support.test.js";
import { LOG, NET } from "../support/host.js";
import type { Stage } from "../support/stage.js";
import { linesOf, seal } from "../support/trails.js";

export interface Heard {
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body as it came: tiles are no text. */
  readonly bytes: Buffer;
}

/** Answers in place of the truth. Whoever wants to say the truth passes `truth` to {@link say}. */
export type Lie = (truth: Heard, response: ServerResponse) => Promise<void> | void;

export const say = ({ status, headers }: Heard, response: ServerResponse, body: string | Buffer): void => {
  response.writeHead(status, { "content-type": headers["content-type"] ?? "text/plain" }).end(body);
};

export class HostileGateway {
  /** What it does with answers whose path begins so; everything else goes out as it is. */
  lie: { readonly on: string; readonly tell: Lie } | undefined;
  readonly #server: Server;

  private constructor(target: string) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { host: _host, ...headers } = request.headers;
        const onward = { method: request.method, headers, path: request.url };
        this.#forward(target, onward, Buffer.concat(chunks), response).catch((error: unknown) => {
          response.destroy(error instanceof Error ? error : new Error(String(error)));
        });
      });
    });
  }

  static async before(target: string): Promise<HostileGateway> {
    const hostile = new HostileGateway(target);
    await new Promise<void>((resolve) => hostile.#server.listen(0, "127.0.0.1", resolve));
    return hostile;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #forward(
    target: string,
    request: {
      readonly method: string | undefined;
      readonly headers: IncomingHttpHeaders;
      readonly path: string | undefined;
    },
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const truth = await new Promise<Heard>((resolve, reject) => {
      const onward = dial(
        target + (request.path ?? ""),
        { method: request.method, headers: request.headers },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("error", reject);
          answer.on("end", () => {
            const { statusCode: status = 0, headers } = answer;
            const bytes = Buffer.concat(chunks);
            resolve({ path: request.path ?? "", status, headers, body: bytes.toString("utf8"), bytes });
          });
        },
      );
      onward.on("error", reject).end(body);
    });
    if (this.lie !== undefined && truth.path.startsWith(this.lie.on)) await this.lie.tell(truth, response);
    else say(truth, response, truth.bytes);
  }
}

/** The keys that the operator of a stage's gateway holds. */
export async function handsOf(stage: Stage): Promise<Hands> {
  const { trust } = await stage.trust();
  const [heads = ""] = Object.values(trust.heads).flat();
  const hand = async (file: string, name: string) => {
    const { jwk } = await readKeyFile(path.join(stage.host.data, "keys", `${file}.jwk`));
    const { sign } = await openSigner({ jwk, party: "operator" });
    const key = noteKey(name, NOTE_TYPES.ed25519, fromBase64url(jwk.x));
    return { note: (text: string) => signNote(text, key, sign) };
  };
  return { net: NET, logs: { [LOG]: await hand("log", LOG) }, heads: await hand("heads", heads.split("+")[0] ?? "") };
}

/** A trail's lines, and lines as a trail whose count and digest are right. */
export const readLines = (trail: string): TrailLine[] =>
  linesOf(trail).map((line) => TrailLine.parse(JSON.parse(line)));
export const writeLines = (lines: readonly TrailLine[]): string =>
  seal(lines.map((line) => canonical(line, { maxBytes: 4 << 20, maxDepth: 16 })));
