/**
 * The ports of a node follow from the one that the topology names, so that a reader of the file knows them all:
 *
 * | node      | port          | +1         | +2         | +3          | +4          |
 * | --------- | ------------- | ---------- | ---------- | ----------- | ----------- |
 * | peer      | clients, peers| operations | (chaincode)| chaincode A | chaincode B |
 * | orderer   | clients, peers| admin      | operations |             |             |
 * | authority | enrolment     | operations |            |             |             |
 *
 * Two chaincode ports, because an upgrade runs the old and the new version side by side. `(chaincode)` is where a peer would
 * let chaincode register; Quanji's runs as a service, so it listens on loopback and nobody calls.
 */
export const PORTS_OF = { peer: 5, orderer: 3, authority: 2 } as const;

export type NodeKind = keyof typeof PORTS_OF;

export const operationsPort = (kind: NodeKind, port: number): number => port + (kind === "orderer" ? 2 : 1);

/** The orderer's own, with mutual TLS: joining and leaving channels. */
export const adminPort = (port: number): number => port + 1;

export const chaincodeRegistryPort = (port: number): number => port + 2;

/** Port of a chaincode server beside the peer at `port`; `slot` 0 or 1. */
export const chaincodePort = (port: number, slot: number): number => port + 3 + (slot % 2);
