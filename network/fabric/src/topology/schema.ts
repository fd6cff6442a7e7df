/**
 * The `fabric` member of a topology file: where the nodes of each organisation run and how the channel orders. What the
 * organisations may do to each other's data is *not* here: it follows from `organisations` and `regulator` alone, on both
 * ledgers (see gateway's networkPolicies).
 */
import { z } from "zod";

/** Part of host names, certificate subjects, folders and process names. */
const name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "must be a-z, 0-9 and -, beginning with a letter");

/** A DNS name: TLS clients written for Node do not accept an IP address as a server's name. */
const host = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "must be a host name in lower case")
  .refine((value) => !/^[0-9.]+$/.test(value), "must be a host name, not an IP address");

/** The first of the ports that a node takes; see ports.ts for the others. */
const port = z.int().min(1024).max(65_000);

const milliseconds = (standard: number) => z.int().min(1).max(3_600_000).default(standard);

const node = z.strictObject({ name, organisation: name, host: host.default("localhost"), port });

/** ANY and ALL exist for trials; MAJORITY is what a consortium wants. */
const rule = z.enum(["ANY", "MAJORITY", "ALL"]).default("MAJORITY");

/** A new leader is elected after `electionTicks` ticks without the old one: 1 to 2 s with the values of a local network. */
const raft = z.strictObject({
  tickMs: milliseconds(100),
  electionTicks: z.int().min(2).max(1_000).default(10),
});

/** SmartBFT waits these times before it doubts its leader. Values of a local network; a wide one needs several times more. */
const bft = z.strictObject({
  requestForwardMs: milliseconds(500),
  requestComplainMs: milliseconds(1_000),
  viewChangeResendMs: milliseconds(1_000),
  viewChangeMs: milliseconds(3_000),
  leaderHeartbeatMs: milliseconds(2_000),
  collectMs: milliseconds(300),
});

const orderingOrganisation = z.strictObject({
  name,
  msp: z.string().regex(/^[A-Za-z][A-Za-z0-9.-]{0,63}$/),
});

const ordering = z.strictObject({
  type: z.enum(["raft", "bft"]),
  organisations: z.array(orderingOrganisation).min(1).max(64),
  orderers: z.array(node).min(1).max(64),
  raft: raft.prefault({}),
  bft: bft.prefault({}),
});

/** A block is cut when one of these is reached; `timeoutMs` is nearly the whole latency of a lone transaction. */
const blocks = z.strictObject({
  timeoutMs: milliseconds(20),
  messages: z.int().min(1).max(10_000).default(200),
  preferredBytes: z
    .int()
    .min(1_024)
    .max(64 * 1024 * 1024)
    .default(4 * 1024 * 1024),
  /** A single larger transaction is refused by the orderers. */
  absoluteBytes: z
    .int()
    .min(1_024)
    .max(96 * 1024 * 1024)
    .default(16 * 1024 * 1024),
});

/** How long a peer waits for others. Too long, and a dead second peer stalls every batch; too short, and a wide network errs. */
const waits = z.strictObject({
  /** For another member's peer to take private data, within each endorsement. */
  pushAckMs: milliseconds(200),
  gossipDialMs: milliseconds(300),
  /** For private data that is missing at commit: each block waits so long, and is then reconciled later. */
  pullRetryMs: milliseconds(5_000),
  reconcileMs: milliseconds(5_000),
});

export const fabricSection = z.strictObject({
  /** `ca`: Fabric CA servers, one an organisation. `cryptogen`: keys made in one place, for quick tests only. */
  identities: z.enum(["ca", "cryptogen"]),
  ordering,
  peers: z.array(node).min(1).max(256),
  /** One an organisation, the ordering ones included; with `identities: ca` only. */
  authorities: z
    .array(z.strictObject({ organisation: name, host: host.default("localhost"), port }))
    .max(128)
    .default([]),
  blocks: blocks.prefault({}),
  waits: waits.prefault({}),
  policies: z.strictObject({ lifecycle: rule, admins: rule }).prefault({}),
  chaincode: z.strictObject({ name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) }).prefault({ name: "quanji" }),
  /** Whether `network.init` of this network allows its clock to be set. */
  testClock: z.boolean().default(false),
});

export type FabricSection = z.infer<typeof fabricSection>;
