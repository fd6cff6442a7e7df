/** Another process on a node's port would answer in its stead, and be taken for it. */
import { setTimeout as pause } from "node:timers/promises";
import { NetworkFailure } from "../tools/failure.js";
import { type NodeKind, PORTS_OF } from "../topology/ports.js";
import type { Node } from "../topology/topology.js";
import { listens } from "./health.js";
import { isAlive, type Processes } from "./processes.js";

/** A process that has ended may hold its ports a moment longer, until its last thread is gone. */
const RELEASE_MS = 3_000;

async function becomesFree(port: number): Promise<boolean> {
  const deadline = performance.now() + RELEASE_MS;
  while (await listens("127.0.0.1", port)) {
    if (performance.now() >= deadline) return false;
    await pause(50);
  }
  return true;
}

/** Before starting `id`, unless it runs. Errors: NetworkFailure. */
export async function assertPortsFree(id: string, ports: readonly number[], processes: Processes): Promise<void> {
  const known = await processes.find(id);
  if (known !== undefined && (await isAlive(known))) return;
  for (const port of ports) {
    if (await becomesFree(port)) continue;
    throw new NetworkFailure(id, `needs port ${port}, which another process has`, {
      advice: `find it (ss -ltnp 'sport = :${port}') and end it, or give ${id} another port in the topology`,
    });
  }
}

/** The chaincode ports of a peer are its servers', which outlive it. */
const OWN: Readonly<Record<NodeKind, number>> = { ...PORTS_OF, peer: 3 };

export const ownPorts = ({ kind, port }: Node): number[] => Array.from({ length: OWN[kind] }, (_, next) => port + next);
