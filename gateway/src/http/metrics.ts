/** Prometheus metrics of one gateway; a registry of its own, so that two gateways fit into one process. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export interface MetricsSources {
  /** Number of blocks. */
  readonly ledgerHeight: () => Promise<number>;
  /** Blocks that the read model has applied. */
  readonly readModelHeight: () => number;
}

export interface Metrics {
  /** One answered request. `route` is the template, never the path: ids stay out of labels. */
  answered(route: string, status: number, seconds: number): void;
  /** One committed batch of a log, named by its origin. */
  batch(log: string, records: number): void;
  /** One answer of a witness, or none: what it was asked for, and what came of it. */
  witnessAsked(organisation: string, what: "checkpoint" | "heads", outcome: string): void;
  readonly contentType: string;
  text(): Promise<string>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10];
const RECORDS = [1, 2, 5, 10, 25, 50, 100, 150, 250, 500, 1000];

export function newMetrics({ ledgerHeight, readModelHeight }: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "quanji_http_requests_total",
    help: "Requests answered, by route and status.",
    labelNames: ["route", "status"],
    registers,
  });
  const latency = new Histogram({
    name: "quanji_http_request_seconds",
    help: "From a request's first byte to its answer's last.",
    labelNames: ["route"],
    buckets: SECONDS,
    registers,
  });
  const batches = new Histogram({
    name: "quanji_batch_records",
    help: "Records in one committed batch, by log.",
    labelNames: ["log"],
    buckets: RECORDS,
    registers,
  });
  const witnesses = new Counter({
    name: "quanji_witness_answers_total",
    help: "What witnesses answered, by organisation, by what they were asked for, and by outcome.",
    labelNames: ["organisation", "what", "outcome"],
    registers,
  });
  new Gauge({
    name: "quanji_ledger_height",
    help: "Number of blocks.",
    registers,
    async collect() {
      this.set(await ledgerHeight());
    },
  });
  new Gauge({
    name: "quanji_read_model_lag_blocks",
    help: "Blocks that the ledger has and the read model has not applied.",
    registers,
    async collect() {
      this.set((await ledgerHeight()) - readModelHeight());
    },
  });
  return {
    answered: (route, status, seconds) => {
      requests.inc({ route, status: String(status) });
      latency.observe({ route }, seconds);
    },
    witnessAsked: (organisation, what, outcome) => witnesses.inc({ organisation, what, outcome }),
    batch: (log, records) => batches.observe({ log }, records),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
