/**
 * How a network may grow while it runs: more organisations, more peers, authorities for them. Everything else of its topology
 * is fixed when it is made, or has a command of its own.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { FabricTopology, Node, Organisation } from "./topology.js";

export interface Growth {
  readonly organisations: readonly Organisation[];
  readonly peers: readonly Node[];
}

/** The file's content, with defaults filled in: what a network keeps of it. */
export const essenceOf = ({ channel, organisations, regulator, settings }: FabricTopology) => ({
  channel,
  organisations,
  regulator,
  fabric: settings,
});

/** The same without what may grow. */
const fixedPart = (topology: FabricTopology): string => {
  const { channel, regulator, fabric } = essenceOf(topology);
  const { peers: _peers, authorities: _authorities, ...rest } = fabric;
  return JSON.stringify({ channel, regulator, rest });
};

const refuse = (field: string, message: string): never => {
  throw new QuanjiError("CONFIG_INVALID", `topology: ${field} ${message}`, { field });
};

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What `after` has that `before` has not. Errors: CONFIG_INVALID if anything else differs. */
export function growthOf(before: FabricTopology, after: FabricTopology): Growth {
  if (fixedPart(before) !== fixedPart(after)) {
    refuse("fabric", "differs in more than organisations, peers and authorities: a running network keeps the rest");
  }
  const keeps = <T>(field: string, old: readonly T[], now: readonly T[], key: (each: T) => string): T[] => {
    for (const each of old) {
      const still = now.find((candidate) => key(candidate) === key(each));
      if (still === undefined || !same(still, each)) refuse(field, `must keep ${key(each)} as it is`);
    }
    return now.filter((each) => !old.some((candidate) => key(candidate) === key(each)));
  };
  keeps("fabric.authorities", before.authorities, after.authorities, ({ id }) => id);
  return {
    organisations: keeps("organisations", before.organisations, after.organisations, ({ msp }) => msp),
    peers: keeps("fabric.peers", before.peers, after.peers, ({ id }) => id),
  };
}
