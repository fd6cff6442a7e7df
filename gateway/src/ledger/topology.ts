/**
 * The topology file: which organisations share the channel, and which of them is the regulator. Every ledger adapter reads
 * it; the policies of the network (see embedded/policy.ts) follow from it and from nothing else.
 */
import { readFile } from "node:fs/promises";
import { QuanjiError } from "@quanji/chaincode/domain";
import { z } from "zod";

/** The organisation that orders on the embedded ledger. It endorses nothing, so no topology may list it. */
export const ORDERER_MSP = "OrdererMSP";

const organisation = z.strictObject({
  /** Service name: part of host names and certificate subjects, never a person's name. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  msp: z.string().regex(/^[A-Za-z][A-Za-z0-9.-]{0,63}$/),
});

const topology = z.strictObject({
  /** Fabric's rule for channel names. */
  channel: z.string().regex(/^[a-z][a-z0-9.-]{0,248}$/),
  organisations: z.array(organisation).min(2).max(64),
  regulator: z.string(),
  /** How a Fabric network of these organisations is built; read by network/fabric and by nobody else. */
  fabric: z.unknown().optional(),
});

export interface Organisation {
  readonly name: string;
  readonly msp: string;
}

export interface Topology {
  readonly channel: string;
  readonly organisations: readonly Organisation[];
  /** MSP of the one organisation that every chaincode and collection policy needs. */
  readonly regulator: string;
}

const refuse = (field: string, message: string): never => {
  throw new QuanjiError("CONFIG_INVALID", `topology: ${field} ${message}`, { field });
};

const pathOf = (path: readonly PropertyKey[]): string => path.map(String).join(".") || "topology";

/** Errors: CONFIG_INVALID, `field` names the offending member, e.g. `organisations.1.msp`. */
export function parseTopology(input: unknown): Topology {
  const parsed = topology.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refuse(pathOf(issue?.path ?? []), `is not valid: ${issue?.message ?? "unknown form"}`);
  }
  const { organisations, regulator } = parsed.data;
  const seen = new Set<string>();
  organisations.forEach(({ name, msp }, index) => {
    if (msp === ORDERER_MSP) refuse(`organisations.${index}.msp`, `must not be ${ORDERER_MSP}, the orderer's own`);
    if (seen.has(`msp ${msp}`)) refuse(`organisations.${index}.msp`, `repeats ${msp}`);
    if (seen.has(`name ${name}`)) refuse(`organisations.${index}.name`, `repeats ${name}`);
    seen.add(`msp ${msp}`).add(`name ${name}`);
  });
  if (!seen.has(`msp ${regulator}`)) refuse("regulator", "must be the msp of one of the organisations");
  return { channel: parsed.data.channel, organisations, regulator };
}

/** Reads and parses a topology file. Errors: CONFIG_INVALID. */
export async function readTopology(file: string): Promise<Topology> {
  let input: unknown;
  try {
    input = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw new QuanjiError("CONFIG_INVALID", `the topology file ${file} cannot be read as JSON`, {
      field: "topology",
      cause,
    });
  }
  return parseTopology(input);
}

/** Every organisation's MSP, in the order of the file. */
export const mspsOf = (topology: Topology): readonly string[] => topology.organisations.map(({ msp }) => msp);
