/** Which ledger a suite stands on: the same suite runs on each. */
import type { FabricNetwork } from "@quanji/network/fabric";
import type { Ledger } from "@quanji/gateway/testing";

/** Bytes that organisations hold or get: what those who are no parties to it have, and what members of its collection have. */
export interface Spread {
  readonly public: readonly Buffer[];
  readonly confidential: readonly Buffer[];
}

/** One ledger, nobody's yet: what a gateway's network begins on. */
export interface Base {
  /** Members of `gateway.json` that lead to it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Through another organisation's client, where that is a connection of its own. */
  readonly open?: (msp: string) => Promise<Ledger>;
  readonly network?: FabricNetwork;
  /** Resolves once every organisation's peer has that many blocks, where they are peers of their own. */
  readonly settled?: (height: number) => Promise<void>;
  /** What has spread of it by now, where it does not all lie in the gateway's own folder. */
  readonly spread?: () => Promise<Spread>;
  close(): Promise<void>;
}

export interface Ground {
  readonly ledger: "embedded" | "fabric";
  /** Added to a suite's title. */
  readonly on: string;
  lay(): Promise<Base>;
}

export const EMBEDDED_BASE: Base = { config: {}, close: () => Promise.resolve() };

export const EMBEDDED: Ground = { ledger: "embedded", on: "", lay: () => Promise.resolve(EMBEDDED_BASE) };

/** The Fabric network under a suite. Throws on another ledger: such a test is not for it. */
export function networkOf({ network }: Base): FabricNetwork {
  if (network === undefined) throw new Error("there is no Fabric network under this suite");
  return network;
}
