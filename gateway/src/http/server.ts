/** The HTTP server: deadlines against slow clients, a cap on connections, and an end that lets answers finish. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { QuanjiError } from "@quanji/chaincode/domain";

export interface ServerLimits {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly connections: number;
  readonly closeMs: number;
}

export interface HttpServer {
  /** Where it can be dialled, which need not be the registered public URL. */
  readonly address: string;
  /** Accepts nothing more, waits for answers under way, and breaks off what is left after `closeMs`. */
  close(): Promise<void>;
}

/** Of a request's head: longer ones are no business of ours. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How often Node looks for requests that are too slow; its default of 30 s would double the deadlines. */
const LOOK_MS = 1_000;

/** Errors: CONFIG_INVALID naming `port` or `host` if that address cannot be listened on. */
export async function listen(
  listener: RequestListener,
  { host, port }: { readonly host: string; readonly port: number },
  limits: ServerLimits,
): Promise<HttpServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: LOOK_MS,
      requireHostHeader: false,
    },
    listener,
  );
  server.maxConnections = limits.connections;
  await started(server, host, port);
  const { address, family, port: bound } = server.address() as AddressInfo;
  return {
    address: `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`,
    close: () => stop(server, limits.closeMs),
  };
}

function started(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(cause, host, port)));
    server.listen(port, host, resolve);
  });
}

function cannotListen(cause: NodeJS.ErrnoException, host: string, port: number): QuanjiError {
  const refused = (field: string, message: string) =>
    new QuanjiError("CONFIG_INVALID", `${field}: ${message}`, { field, cause });
  switch (cause.code) {
    case "EADDRINUSE":
      return refused("port", `${port} is in use on ${host}: stop the other program, or set QUANJI_PORT`);
    case "EACCES":
      return refused("port", `this user may not listen on ${port}: ports below 1024 are often reserved`);
    default:
      return refused("host", `${host} is not an address of this machine that can be listened on`);
  }
}

function stop(server: Server, closeMs: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), closeMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}
