/** Configuration of a source's adapter: `<data>/source.json`, and a few variables of the environment that override it. */
import path from "node:path";
import { parseWith, QuanjiError, ResourceId } from "@quanji/chaincode/domain";
import { z } from "zod";
import { type Environment, readConfigFile } from "../config/index.js";

const ms = z.int().min(1).max(86_400_000);

const SourceFile = z.strictObject({
  host: z.string().min(1).max(253).default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(8095),
  /** Gateway of the logs in which these resources are used: tallies go there. */
  gateway: z.string().min(1).max(2048),
  /** Key file of a key whose purpose is tally. A relative path starts at the data folder; so do the next two. */
  key: z.string().min(1).max(4096).default("tally.jwk"),
  trust: z.string().min(1).max(4096).default("trust.json"),
  /** Digest of the trust file, pinned. Without it the file itself is believed. */
  trustDigest: z.string().optional(),
  /** What lies behind which path. The longest prefix counts. */
  routes: z
    .array(
      z.strictObject({
        resource: ResourceId,
        prefix: z.string().regex(/^\/[^?#]*$/, "a path such as /weather"),
        /** Where the source listens: `http://127.0.0.1:9000`. Its path is put before what follows the prefix. */
        target: z.string().regex(/^https?:\/\/[^?#]+$/, "an http or https address"),
      }),
    )
    .min(1)
    .max(256),
  tallyEveryMs: ms.default(60_000),
  closeMs: ms.default(15_000),
  log: z
    .strictObject({ level: z.enum(["silent", "fatal", "error", "warn", "info", "debug"]).default("info") })
    .prefault({}),
});

export interface SourceConfig extends z.infer<typeof SourceFile> {
  /** Absolute path of the data folder. */
  readonly data: string;
}

export const SOURCE_FILE = "source.json";

/** Reads QUANJI_DATA (default `./source`), its `source.json`, then QUANJI_PORT. Errors: CONFIG_INVALID naming the member. */
export async function loadSourceConfig(environment: Environment, workingFolder: string): Promise<SourceConfig> {
  const data = path.resolve(workingFolder, environment["QUANJI_DATA"] ?? "source");
  return sourceConfigOf(data, await readConfigFile(path.join(data, SOURCE_FILE)), environment);
}

/** Pure part of {@link loadSourceConfig}. */
export function sourceConfigOf(data: string, input: unknown, environment: Environment): SourceConfig {
  const { QUANJI_PORT: port } = environment;
  const file = typeof input === "object" && input !== null ? input : {};
  const config = parse({ ...file, ...(port && { port: /^\d{1,5}$/.test(port) ? Number(port) : NaN }) });
  return { ...config, data, key: path.resolve(data, config.key), trust: path.resolve(data, config.trust) };
}

function parse(input: unknown): z.infer<typeof SourceFile> {
  try {
    return parseWith(SourceFile, input);
  } catch (cause) {
    if (!(cause instanceof QuanjiError)) throw cause;
    const field = cause.field === undefined || cause.field === "" ? SOURCE_FILE : cause.field;
    throw new QuanjiError("CONFIG_INVALID", `${field}: ${cause.message}`, { field, cause });
  }
}
