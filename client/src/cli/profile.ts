/** Profiles: what one would otherwise type each time. `~/.config/quanji/config.json`, or the file that QUANJI_CONFIG names. */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { z } from "zod";
import type { Io } from "./io.js";

const Profile = z.strictObject({
  gateway: z.string().optional(),
  /** Paths are relative to the configuration file. */
  key: z.string().optional(),
  trust: z.string().optional(),
  /** Who acts, for accesses: committed to, never public. */
  operator: z.string().optional(),
  environment: z.string().optional(),
  jurisdiction: z.string().optional(),
  lang: z.enum(["zh", "en"]).optional(),
});
export type Profile = z.infer<typeof Profile>;

const Config = z.strictObject({
  /** Name of the profile to use where none is named. */
  default: z.string().optional(),
  profiles: z.record(z.string(), Profile).optional(),
});

export interface LoadedProfile {
  readonly profile: Profile;
  /** Folder of the configuration, where sequence numbers are kept as well. */
  readonly folder: string;
}

export const configPath = ({ env, cwd, home }: Pick<Io, "env" | "cwd" | "home">): string => {
  const named = env["QUANJI_CONFIG"];
  if (named !== undefined && named !== "") return resolve(cwd, named);
  const base = env["XDG_CONFIG_HOME"];
  return join(base !== undefined && base !== "" ? base : join(home, ".config"), "quanji", "config.json");
};

/** Errors: CONFIG_INVALID naming the member; for a profile that is named and not there. */
export async function loadProfile(
  io: Pick<Io, "env" | "cwd" | "home">,
  name: string | undefined,
): Promise<LoadedProfile> {
  const path = configPath(io);
  const folder = dirname(path);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw invalid(`${path} cannot be read`, "config", cause);
  });
  const config = text === undefined ? {} : parse(text, path);
  const wanted = name ?? config.default ?? "default";
  const profile = Object.hasOwn(config.profiles ?? {}, wanted) ? config.profiles?.[wanted] : undefined;
  if (profile === undefined && name !== undefined) throw invalid(`${path} has no profile ${name}`, "profile");
  return { profile: rooted(profile ?? {}, folder), folder };
}

function rooted({ key, trust, ...rest }: Profile, folder: string): Profile {
  return {
    ...rest,
    ...(key !== undefined && { key: resolve(folder, key) }),
    ...(trust !== undefined && { trust: resolve(folder, trust) }),
  };
}

function parse(text: string, path: string): z.infer<typeof Config> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`${path} is not JSON`, "config", cause);
  }
  const result = Config.safeParse(json);
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.join(".") ?? "";
  throw invalid(
    `${path}: ${field === "" ? "the file" : field} does not fit: ${result.error.issues[0]?.message ?? "?"}`,
    field,
  );
}

const invalid = (message: string, field: string, cause?: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", message, { field, ...(cause !== undefined && { cause }) });
