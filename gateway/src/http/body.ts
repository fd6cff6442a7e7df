/** Reads a request's body: raw bytes within a size and a time, and nothing compressed. */
import type { IncomingMessage } from "node:http";
import { QuanjiError } from "@quanji/chaincode/domain";

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

const tooLarge = (maxBytes: number) => new QuanjiError("TOO_LARGE", `the body may have at most ${maxBytes} bytes here`);

/**
 * Errors: MEDIA_TYPE (compressed), TOO_LARGE, TIMEOUT. A body that is refused is drained, never kept: the answer reaches a
 * client that is still sending, and the server's own deadline ends one that never stops.
 */
export async function readBody(request: IncomingMessage, { maxBytes, timeoutMs }: BodyLimits): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    request.resume();
    throw new QuanjiError("MEDIA_TYPE", "compressed bodies are not taken", { field: "content-encoding" });
  }
  const announced = Number(request.headers["content-length"] ?? "0");
  if (announced > maxBytes) {
    request.resume();
    throw tooLarge(maxBytes);
  }
  return collect(request, maxBytes, timeoutMs);
}

function collect(request: IncomingMessage, maxBytes: number, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      settle();
    };
    const refuse = (error: QuanjiError): void =>
      finish(() => {
        request.resume();
        reject(error);
      });
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) refuse(tooLarge(maxBytes));
      else chunks.push(chunk);
    };
    const onEnd = (): void =>
      finish(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onClose = (): void => refuse(new QuanjiError("TIMEOUT", "the connection ended before the body did"));
    const timer = setTimeout(() => refuse(new QuanjiError("TIMEOUT", "the body did not arrive in time")), timeoutMs);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}
