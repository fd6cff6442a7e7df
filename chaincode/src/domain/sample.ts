/** Formats of a drawn sample: the plan, which an inspector signs before its seed exists, and the report of what was drawn. */
import { z } from "zod";
import type { Limits } from "../log/canonical.js";
import { Digest, LogOrigin, NetworkId, ResourceId } from "./ids.js";
import { Instant } from "./time.js";

const Jws = z.strictObject({ payload: z.string(), protected: z.string(), signature: z.string() });

export const SAMPLE_TYP = "quanji-sample+jws";
/** One report holds the receipts of all that was drawn. */
export const MAX_SAMPLE = 500;
/**
 * How long before its plan a period ends at the latest: what two clocks and a commit can differ by, so that nothing more can
 * be recorded in it once the plan is known.
 */
export const SAMPLE_CLOSED_MS = 180_000;

/** Payload of a plan: a JWS of the regulator, of `typ` quanji-sample+jws. */
export const SamplePlan = z.strictObject({
  v: z.literal("quanji.sample.v1"),
  net: NetworkId,
  /** Population: the accesses of a resource, permitted and denied, in a period. */
  resource: ResourceId,
  from: Instant.optional(),
  to: Instant,
  /** How many are drawn. */
  count: z.int().min(1).max(MAX_SAMPLE),
  /** SHA-256 of the nonce, which nobody else knows until the drawing. */
  nonce: Digest,
  /** The seed's other half: root that this log will have at this size, larger than it has now. */
  log: LogOrigin,
  size: z.int().min(1),
  made: Instant,
});
export type SamplePlan = z.infer<typeof SamplePlan>;

/** One access that was drawn: its receipt, or the code with which the gateway refused it. */
const Drawn = z.strictObject({
  log: LogOrigin,
  index: z.int().min(0),
  receipt: Jws.optional(),
  refused: z.string().max(64).optional(),
});

export const SampleReport = z.strictObject({
  v: z.literal("quanji.sampled.v1"),
  plan: Jws,
  /** 32 bytes. */
  nonce: Digest,
  /** Signed note of the log, verbatim, of the plan's size or a larger one; the root at the plan's size, and how that one grew into this. */
  checkpoint: z.string(),
  root: Digest,
  consistency: z.array(Digest).max(63),
  /** Accesses in the period. */
  population: z.int().min(0),
  /** By log and index. */
  drawn: z.array(Drawn).max(MAX_SAMPLE),
});
export type SampleReport = z.infer<typeof SampleReport>;
export const SAMPLE_LIMITS: Limits = { maxBytes: 64 * 1024 * 1024, maxDepth: 12 };
