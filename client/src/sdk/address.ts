/**
 * Which addresses may be called where somebody else says which: a source, a webhook. Whoever calls stands inside an
 * organisation's network, and reaches what others cannot. Node only.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP, type LookupFunction } from "node:net";

/**
 * `public`: may be called. `private`: loopback and private networks, called only if the configuration says so. `never`:
 * link-local (where clouds answer with credentials), unspecified, multicast, reserved, and forms that wrap another address.
 */
export type AddressKind = "public" | "private" | "never";

function blockList(type: "ipv4" | "ipv6", subnets: readonly (readonly [net: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, type);
  return list;
}

/** @see RFC 6890 and the IANA registry of special-purpose addresses */
const PRIVATE_4 = blockList("ipv4", [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
]);
const NEVER_4 = blockList("ipv4", [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
]);
const PRIVATE_6 = blockList("ipv6", [
  ["::1", 128],
  ["fc00::", 7],
]);
/** Of IPv6 only global unicast is public, without what tunnels, documents or assigns to protocols. */
const GLOBAL_6 = blockList("ipv6", [["2000::", 3]]);
const NEVER_6 = blockList("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/** Of anything that is not an IP address: `never`. */
export function addressKind(address: string): AddressKind {
  const version = isIP(address);
  if (version === 4) {
    return NEVER_4.check(address, "ipv4") ? "never" : PRIVATE_4.check(address, "ipv4") ? "private" : "public";
  }
  if (version !== 6 || address.includes("%")) return "never";
  if (PRIVATE_6.check(address, "ipv6")) return "private";
  return GLOBAL_6.check(address, "ipv6") && !NEVER_6.check(address, "ipv6") ? "public" : "never";
}

export const isAllowed = (address: string, allowPrivate: boolean): boolean => {
  const kind = addressKind(address);
  return kind === "public" || (kind === "private" && allowPrivate);
};

/** All addresses of a host. */
export type Resolver = (host: string) => Promise<readonly string[]>;

export const systemResolver: Resolver = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

export type AddressFault = "ADDRESS_REFUSED" | "NAME_UNKNOWN";

/**
 * For a socket's `lookup`: resolves once, and the socket connects to exactly the addresses that were checked. A name that
 * changes its mind between check and connection (DNS rebinding) is never asked again. One forbidden address refuses all.
 * An address in place of a name is never looked up: check it with {@link isAllowed}. Errors: what `refuse` makes.
 */
export function guardedLookup(
  resolver: Resolver,
  allowPrivate: boolean,
  refuse: (fault: AddressFault, cause?: unknown) => Error,
): LookupFunction {
  return (host, options, callback) => {
    resolver(host).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        const first = found[0];
        if (first === undefined) callback(refuse("NAME_UNKNOWN"), []);
        else if (!addresses.every((address) => isAllowed(address, allowPrivate)))
          callback(refuse("ADDRESS_REFUSED"), []);
        else if (options.all === true) callback(null, found);
        else callback(null, first.address, first.family);
      },
      (cause: unknown) => {
        callback(refuse("NAME_UNKNOWN", cause), []);
      },
    );
  };
}
