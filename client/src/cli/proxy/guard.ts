/**
 * Who may ask the sidecar. It signs for whoever reaches it, so it must be reached by the programs of this machine alone: not
 * by web pages that a browser on it has open, neither directly (Origin, Sec-Fetch-Site) nor through a name that was made to
 * point here (DNS rebinding: Host).
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIPv4 } from "node:net";
import { QuanjiError } from "@quanji/chaincode/domain";

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));

export interface GuardOptions {
  /** `host:port` in every spelling under which it may be called. */
  readonly hosts: ReadonlySet<string>;
  readonly scheme: "http" | "https";
  /** Asked for as `Authorization: Bearer …`, if set. */
  readonly token?: string;
}

/** Names under which a listener may be called. On loopback that is every name of loopback. */
export function hostsOf(listen: string, port: number, names: readonly string[]): ReadonlySet<string> {
  const own = isLoopback(listen) ? ["127.0.0.1", "localhost", "[::1]", bracketed(listen)] : [bracketed(listen)];
  return new Set([...own, ...names].map((name) => `${name.toLowerCase()}:${port}`));
}

const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host);

const forbidden = (message: string, field: string): QuanjiError => new QuanjiError("ROLE_REQUIRED", message, { field });

/** Errors: ROLE_REQUIRED naming the header. */
export function assertMayAsk(
  { headers }: Pick<IncomingMessage, "headers">,
  { hosts, scheme, token }: GuardOptions,
): void {
  const host = headers.host?.toLowerCase() ?? "";
  const named = host.includes(":") && !host.endsWith("]") ? host : `${host}:${scheme === "https" ? 443 : 80}`;
  if (!hosts.has(named)) throw forbidden("this name is not the proxy's: call it by its own address", "host");
  const { origin } = headers;
  if (origin !== undefined && !isOwn(origin, hosts, scheme))
    throw forbidden("web pages of other origins may not ask", "origin");
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "none" && site !== "same-origin") {
    throw forbidden("web pages of other origins may not ask", "sec-fetch-site");
  }
  if (token !== undefined && !sameText(headers.authorization ?? "", `Bearer ${token}`)) {
    throw forbidden("the proxy asks for its token: Authorization: Bearer …", "authorization");
  }
}

const isOwn = (origin: string, hosts: ReadonlySet<string>, scheme: string): boolean =>
  origin.startsWith(`${scheme}://`) && hosts.has(origin.slice(scheme.length + 3).toLowerCase());

/** In a time that does not depend on where they differ. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
