/** Configuration of one gateway: a file in its data folder, and a few variables of the environment that override it. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import { NOTE_TYPES, parseVkey } from "@quanji/chaincode/log";
import { ConfigFile } from "./schema.js";

export interface Config extends Omit<ConfigFile, "publicUrl" | "sources" | "topology" | "fabric"> {
  /** Absolute path of the data folder. */
  readonly data: string;
  /** Absolute path of the configuration file; it need not exist. */
  readonly file: string;
  readonly publicUrl: string;
  /** Absolute path, if one is configured. */
  readonly topology?: string;
  readonly fabric: FabricConfig;
}

export interface FabricConfig {
  /** Absolute path; present where the ledger is `fabric`. */
  readonly profile?: string;
  readonly client: ConfigFile["fabric"]["client"];
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const CONFIG_FILE = "gateway.json";

const invalid = (field: string, problem: string, cause?: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${field}: ${problem}`, { field, ...(cause !== undefined && { cause }) });

/**
 * Reads QUANJI_DATA (default `./data`), `<data>/gateway.json` if it exists, then the other variables (see VARIABLES).
 * Errors: CONFIG_INVALID naming the member or the variable.
 */
export async function loadConfig(environment: Environment, workingFolder: string): Promise<Config> {
  const data = path.resolve(workingFolder, environment["QUANJI_DATA"] ?? "data");
  const file = path.join(data, CONFIG_FILE);
  const profile = environment["QUANJI_FABRIC_PROFILE"];
  // A path on the command line starts where the user stands; one in the file, at the file.
  const resolved = profile
    ? { ...environment, QUANJI_FABRIC_PROFILE: path.resolve(workingFolder, profile) }
    : environment;
  return configOf({ data, file, input: await readConfigFile(file), environment: resolved });
}

/** The file's JSON; an empty object if there is none. Errors: CONFIG_INVALID. */
export async function readConfigFile(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (isMissing(cause)) return {};
    throw invalid(CONFIG_FILE, `${file} cannot be read`, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(CONFIG_FILE, `${file} is not JSON`, cause);
  }
}

const isMissing = (error: unknown): boolean => (error as { readonly code?: unknown }).code === "ENOENT";

interface Parts {
  readonly data: string;
  readonly file: string;
  readonly input: unknown;
  readonly environment: Environment;
}

/** Pure part of {@link loadConfig}. */
export function configOf({ data, file, input, environment }: Parts): Config {
  const { publicUrl, sources: _live, topology, fabric, ...rest } = parseFile(overridden(input, environment));
  if (publicUrl === undefined && rest.port === 0) {
    throw invalid("publicUrl", "is needed where the port is left to the system (port 0)");
  }
  if (rest.ledger === "fabric" && fabric.profile === undefined) {
    throw invalid(
      "fabric.profile",
      "is needed for a Fabric network: `npm run network -- up` prints where it writes them",
    );
  }
  if (rest.ledger === "fabric" && topology !== undefined) {
    throw invalid("topology", "is not read for a Fabric network: its connection profile names the organisations");
  }
  assertWitnesses(rest);
  if (rest.publishBlocks && rest.ledger === "fabric") {
    throw invalid("publishBlocks", "is for the embedded ledger: on a Fabric network each witness follows its own peer");
  }
  return {
    ...rest,
    data,
    file,
    fabric: {
      client: fabric.client,
      ...(fabric.profile !== undefined && { profile: path.resolve(data, fabric.profile) }),
    },
    publicUrl: publicUrl ?? `http://127.0.0.1:${rest.port}`,
    ...(topology !== undefined && { topology: path.resolve(data, topology) }),
  };
}

/** A quorum must be one: members that are distinct, and so many that two quorums share an honest one. */
function assertWitnesses({ witnesses, quorum }: Pick<ConfigFile, "witnesses" | "quorum">): void {
  const seen = new Map<string, number>();
  witnesses.forEach(({ url, vkey, headsKey, blocksKey, organisation }, i) => {
    const named = [
      ["url", `url ${url}`],
      ["vkey", `key ${parseVkey(vkey, NOTE_TYPES.cosignature).jwk.x}`],
      ["headsKey", `key ${parseVkey(headsKey, NOTE_TYPES.ed25519).jwk.x}`],
      ...(blocksKey === undefined
        ? []
        : [["blocksKey", `key ${parseVkey(blocksKey, NOTE_TYPES.ed25519).jwk.x}`] as const]),
      ["organisation", `organisation ${organisation}`],
    ] as const;
    for (const [member, name] of named) {
      const before = seen.get(name);
      if (before !== undefined) {
        const where =
          before === i ? "as its other key: each key has one purpose" : `in witnesses.${before}: it would count twice`;
        throw invalid(`witnesses.${i}.${member}`, `stands ${where}`);
      }
      seen.set(name, i);
    }
  });
  if (quorum === undefined) return;
  if (quorum > witnesses.length) throw invalid("quorum", `is more than the ${witnesses.length} witnesses there are`);
  if (2 * quorum <= witnesses.length) {
    throw invalid("quorum", "lets two halves of the witnesses cosign two histories: more than half are needed");
  }
}

/** How many witnesses are a quorum; 0 without any. A third of them may be down: for four it is three, which withstands one. */
export const quorumOf = ({ witnesses, quorum }: Pick<ConfigFile, "witnesses" | "quorum">): number =>
  quorum ?? witnesses.length - Math.floor((witnesses.length - 1) / 3);

/** Variable → member. A value that does not fit is named by its variable. */
const VARIABLES = {
  QUANJI_PORT: ["port"],
  QUANJI_PUBLIC_URL: ["publicUrl"],
  LEDGER: ["ledger"],
  LEDGER_CLIENT: ["fabric", "client"],
  QUANJI_FABRIC_PROFILE: ["fabric", "profile"],
} as const;

function overridden(input: unknown, environment: Environment): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw invalid(CONFIG_FILE, "holds a JSON object");
  }
  const set: Record<string, unknown> = { ...input };
  for (const [variable, [member, inner]] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    if (value === undefined || value === "") continue;
    if (inner === undefined) set[member] = member === "port" ? portOf(value) : value;
    else set[member] = { ...(set[member] as object | undefined), [inner]: value };
    try {
      parseWith(ConfigFile.pick({ [member]: true } as { readonly port: true }), { [member]: set[member] });
    } catch (cause) {
      throw invalid(variable, cause instanceof Error ? cause.message : "does not fit", cause);
    }
  }
  return set;
}

const portOf = (text: string): number => (/^\d{1,5}$/.test(text) ? Number(text) : NaN);

function parseFile(input: unknown): ConfigFile {
  try {
    return parseWith(ConfigFile, input);
  } catch (cause) {
    if (!(cause instanceof QuanjiError)) throw cause;
    throw invalid(cause.field === undefined || cause.field === "" ? CONFIG_FILE : cause.field, cause.message, cause);
  }
}

/** What the first start writes down, so that a user finds what can be changed. Sources are empty until somebody binds one. */
export function fileTextOf(config: Config): string {
  const { data: _data, file: _file, topology: _topology, fabric, ...members } = config;
  const set = { ...members, ...(fabric.profile !== undefined && { fabric }), sources: [] };
  return `${JSON.stringify(set, undefined, 2)}\n`;
}
