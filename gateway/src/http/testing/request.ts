/** Test support: HTTP as it stands on the wire, so that headers, paths and bodies can be what no client library would send. */
import { request as httpRequest } from "node:http";
import { fromBase64url, parseAnswerJws } from "@quanji/chaincode/log";

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "HEAD" | "PUT";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Payload of a signed answer, unverified; undefined if it is none. */
  payload(): { readonly request: string; readonly status: number; readonly body: Record<string, unknown> } | undefined;
  /** Code of a problem, signed or not. */
  code(): string | undefined;
  /** Lines of NDJSON. */
  lines(): readonly Record<string, unknown>[];
}

interface Problem {
  readonly code?: string;
}

export function send(address: string, { method = "GET", path, headers = {}, body }: RequestOptions): Promise<Reply> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve(newReply(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString("utf8"))),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function newReply(status: number, headers: Reply["headers"], text: string): Reply {
  const payload: Reply["payload"] = () => {
    if (headers["content-type"] !== "application/jose+json") return undefined;
    const { payload: parsed } = parseAnswerJws(JSON.parse(text), { maxBytes: 4_194_304, maxDepth: 40 });
    return parsed as unknown as ReturnType<Reply["payload"]>;
  };
  return {
    status,
    headers,
    text,
    payload,
    code: () => {
      const signed = payload();
      const plain = headers["content-type"] === "application/problem+json" ? (JSON.parse(text) as Problem) : {};
      return ((signed?.body as Problem | undefined) ?? plain).code;
    },
    lines: () =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** Payload of a JWS that stands in an answer. */
export const payloadOf = (jws: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(fromBase64url((jws as { readonly payload: string }).payload)).toString("utf8")) as Record<
    string,
    unknown
  >;
