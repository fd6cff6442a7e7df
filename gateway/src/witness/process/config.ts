/** Configuration of a witness: `<data>/witness.json`, and a few variables of the environment that override it. */
import path from "node:path";
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import { isName, NOTE_TYPES, parseVkey } from "@quanji/chaincode/log";
import { z } from "zod";
import { type Environment, readConfigFile } from "../../config/index.js";
import { CLIENTS } from "../../ledger/fabric/clients.js";

const ms = z.int().min(1).max(600_000);

const Address = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s?#@]+[^\s?#@/]$/, "an http(s) URL without user, query, fragment and final slash")
  .refine((text) => URL.canParse(text), "a URL");

const WitnessFile = z.strictObject({
  host: z.string().min(1).max(253).default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(8090),
  /** Name of the witness's key, e.g. `witness.example/w`: stands before every cosignature, and in trust files. */
  name: z.string().max(253).refine(isName, "a name has at least one character, no space and no plus"),
  /** Verifier keys of the logs to cosign. Not read where the witness has a peer: there the ledger says which logs there are. */
  logs: z.array(z.string().refine(isNoteKey, "must be the verifier key of a log")).max(1024).default([]),
  /** The organisation's own peer. Without it the witness sees that a log only grows, and not what the ledger says. */
  fabric: z
    .strictObject({
      /** Connection profile of this organisation; a relative path starts at the data folder. */
      profile: z.string().min(1).max(4096).optional(),
      client: z.enum(CLIENTS).default("fabric-gateway"),
    })
    .prefault({}),
  /** Address of a gateway that publishes the blocks of its embedded ledger: followed where there are no peers. */
  blocks: Address.optional(),
  /** Witnesses of other organisations, with which blocks are compared. */
  others: z
    .array(
      z.strictObject({
        url: Address,
        /** Of its block notes, as it prints it when it starts. */
        blocksKey: z.string().max(512).refine(isNoteKey, "must be the verifier key of a witness's block notes"),
      }),
    )
    .max(64)
    .default([]),
  /** How often they are asked. */
  exchangeMs: ms.default(10_000),
  /**
   * Names of evidence files about blocks whose cause this organisation has settled: they keep the witness from signing no more,
   * and whom they accuse is heard no more.
   */
  settled: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{43}\.evidence\.json$/, "the name of an evidence file"))
    .max(1024)
    .default([]),
  /** How often what is held is signed again. */
  refreshMs: ms.default(60_000),
  /** How often the own peer is asked whether it has anything newer; head notes say no later time than the last answer. */
  confirmMs: ms.default(1_000),
  /** How long a request waits for the own peer to have read what it is about. */
  patienceMs: ms.default(2_000),
  limits: z
    .strictObject({
      bodyMs: ms.default(10_000),
      headersMs: ms.default(10_000),
      requestMs: ms.default(30_000),
      closeMs: ms.default(15_000),
      connections: z.int().min(1).max(100_000).default(200),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(["silent", "fatal", "error", "warn", "info", "debug"]).default("info") })
    .prefault({}),
});

export interface WitnessConfig extends z.infer<typeof WitnessFile> {
  /** Absolute path of the data folder. */
  readonly data: string;
}

export const WITNESS_FILE = "witness.json";

function isNoteKey(text: string): boolean {
  try {
    parseVkey(text, NOTE_TYPES.ed25519);
    return true;
  } catch {
    return false; // the schema's own message says what is wanted
  }
}

/** Reads QUANJI_DATA (default `./witness`), its `witness.json`, then the variables. Errors: CONFIG_INVALID naming the member. */
export async function loadWitnessConfig(environment: Environment, workingFolder: string): Promise<WitnessConfig> {
  const data = path.resolve(workingFolder, environment["QUANJI_DATA"] ?? "witness");
  const input = await readConfigFile(path.join(data, WITNESS_FILE));
  const profile = environment["QUANJI_FABRIC_PROFILE"];
  // A path on the command line starts where the user stands; one in the file, at the file.
  return witnessConfigOf(data, input, {
    ...environment,
    ...(profile && { QUANJI_FABRIC_PROFILE: path.resolve(workingFolder, profile) }),
  });
}

/** Pure part of {@link loadWitnessConfig}. */
export function witnessConfigOf(data: string, input: unknown, environment: Environment): WitnessConfig {
  const config = parse(overridden(input, environment));
  const { profile } = config.fabric;
  if (profile === undefined && config.blocks === undefined && config.logs.length === 0) {
    throw invalid(
      "logs",
      "names no log: give the verifier keys of the logs to cosign, or the profile of your own peer",
    );
  }
  if (profile !== undefined && config.blocks !== undefined) {
    throw invalid("blocks", "is for an embedded ledger: this witness follows the peer of its profile");
  }
  if (config.others.length > 0 && profile === undefined && config.blocks === undefined) {
    throw invalid("others", "has nothing to compare: this witness follows no peer and no blocks");
  }
  const keys = config.others.map(({ blocksKey }) => blocksKey);
  const twice = keys.findIndex((key, i) => keys.indexOf(key) < i);
  if (twice >= 0) throw invalid(`others.${twice}.blocksKey`, "stands there twice: it would count twice");
  return {
    ...config,
    data,
    fabric: { ...config.fabric, ...(profile !== undefined && { profile: path.resolve(data, profile) }) },
  };
}

function overridden(input: unknown, environment: Environment): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw invalid(WITNESS_FILE, "holds a JSON object");
  }
  const file: Readonly<Record<string, unknown>> = { ...input };
  const { QUANJI_PORT: port, QUANJI_WITNESS_NAME: name, QUANJI_FABRIC_PROFILE: profile } = environment;
  return {
    ...file,
    ...(port && { port: /^\d{1,5}$/.test(port) ? Number(port) : NaN }),
    ...(name && { name }),
    ...(profile && { fabric: { ...(file["fabric"] as object | undefined), profile } }),
  };
}

function parse(input: unknown): z.infer<typeof WitnessFile> {
  try {
    return parseWith(WitnessFile, input);
  } catch (cause) {
    if (!(cause instanceof QuanjiError)) throw cause;
    throw invalid(cause.field === undefined || cause.field === "" ? WITNESS_FILE : cause.field, cause.message, cause);
  }
}

const invalid = (field: string, problem: string, cause?: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${field}: ${problem}`, { field, ...(cause !== undefined && { cause }) });
