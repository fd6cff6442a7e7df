/** Prometheus metrics of one witness; a registry of its own, so that several fit into one process. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Added } from "../cosigner/cosigner.js";
import type { Heard } from "../exchange/exchange.js";
import type { Stated } from "../notary/notary.js";

export interface WitnessMetrics {
  /** One answered request to add a checkpoint. */
  asked(outcome: Added["outcome"]): void;
  /** One answered request for head notes. */
  headsAsked(outcome: Stated["outcome"]): void;
  /** One answer of another witness about its peer's blocks, or none. */
  exchanged(witness: string, outcome: Heard | "failed"): void;
  /** One fork proof kept. */
  forked(): void;
  readonly contentType: string;
  text(): Promise<string>;
}

export interface WitnessGauges {
  /** Blocks of the own peer that were read; 0 without one. */
  readonly peerHeight: () => number;
  /** Other witnesses that contradict the own peer. */
  readonly contradicting: () => number;
  readonly isHalted: () => boolean;
}

export function newWitnessMetrics({ peerHeight, contradicting, isHalted }: WitnessGauges): WitnessMetrics {
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
  const exchanges = new Counter({
    name: "quanji_witness_exchanges_total",
    help: "Answers of other witnesses about their peers' blocks: agrees, ahead, contradicts, foreign, failed.",
    labelNames: ["witness", "outcome"],
    registers,
  });
  new Gauge({
    name: "quanji_witness_contradicting",
    help: "Other witnesses whose peers have other blocks. Any is an alarm.",
    registers,
    collect() {
      this.set(contradicting());
    },
  });
  new Gauge({
    name: "quanji_witness_halted",
    help: "1 while a contradiction among peers keeps this witness from signing.",
    registers,
    collect() {
      this.set(isHalted() ? 1 : 0);
    },
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
    exchanged: (witness, outcome) => exchanges.inc({ witness, outcome }),
    forked: () => forks.inc(),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
