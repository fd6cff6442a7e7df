/** Prometheus metrics of one witness; a registry of its own, so that several fit into one process. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Added } from "../cosigner/cosigner.js";
import type { Stated } from "../notary/notary.js";

export interface WitnessMetrics {
  /** One answered request to add a checkpoint. */
  asked(outcome: Added["outcome"]): void;
  /** One answered request for head notes. */
  headsAsked(outcome: Stated["outcome"]): void;
  /** One fork proof kept. */
  forked(): void;
  readonly contentType: string;
  text(): Promise<string>;
}

/** @param peerHeight blocks of the own peer that were read; 0 without one */
export function newWitnessMetrics(peerHeight: () => number): WitnessMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const asked = new Counter({
    name: "quanji_witness_requests_total",
    help: "Requests to add a checkpoint, by what they ended in.",
    labelNames: ["outcome"],
    registers,
  });
  const heads = new Counter({
    name: "quanji_witness_heads_total",
    help: "Requests for head notes, by what they ended in.",
    labelNames: ["outcome"],
    registers,
  });
  const forks = new Counter({
    name: "quanji_witness_forks_total",
    help: "Requests that proved a fork. Any is an alarm.",
    registers,
  });
  new Gauge({
    name: "quanji_witness_peer_blocks",
    help: "Blocks of this organisation's own peer that were read.",
    registers,
    collect() {
      this.set(peerHeight());
    },
  });
  return {
    asked: (outcome) => asked.inc({ outcome }),
    headsAsked: (outcome) => heads.inc({ outcome }),
    forked: () => forks.inc(),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
