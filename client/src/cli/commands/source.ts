import { copyFile, mkdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import { type Command } from "commander";
import { FieldName, parseWith, PartyId, QuanjiError, ResourceId } from "@quanji/chaincode/domain";
import { z } from "zod";
import { replaceFile } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { unreadable } from "../files.js";
import { type Options, toJson, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, group, type Runtime } from "../program.js";

/** What the gateway's configuration takes; the gateway itself checks more when it reads it. */
const common = {
  resource: ResourceId,
  steward: PartyId,
  format: z.enum(["csv", "json", "ndjson"]),
  items: z
    .string()
    .regex(/^(?:\/[^/]+)*$/, "a JSON pointer such as /items")
    .optional(),
  columns: z.record(FieldName, z.string().min(1)).optional(),
  subjects: z.strictObject({ field: FieldName, keys: z.string().min(1) }).optional(),
};
const Binding = z.discriminatedUnion("kind", [
  z.strictObject({ ...common, kind: z.literal("file"), path: z.string().min(1) }),
  z.strictObject({
    ...common,
    kind: z.literal("http"),
    url: z.string().regex(/^https?:\/\/[^/?#{}@\s\\]+/, "an http(s) URL without placeholders in its host"),
    secretHeaders: z
      .record(z.string(), z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "the name of a variable"))
      .optional(),
    allowPrivate: z.boolean().optional(),
    ticket: z.boolean().optional(),
  }),
]);
type Binding = z.infer<typeof Binding>;

const CONFIG = "gateway.json";
/** The gateway reads files from here and from nowhere else. */
const SOURCES = "sources";

export function sourceCommands(program: Command, runtime: Runtime): void {
  const source = group(program, runtime, "source", "For a gateway's operator: where the data of its resources is.");
  declare(source, runtime, [
    {
      usage: "add <resource>",
      summary:
        "Bind a resource to a file or an HTTP API, in the gateway's configuration. The gateway takes it over within seconds.",
      options: [
        ["--file <file>", "CSV, JSON or NDJSON; copied into the gateway's folder for sources unless it lies there"],
        ["--url <template>", "or an API: https://api.example/v1/days?from={from}&to={to}&only={fields}"],
        ["--steward <party>", "the resource's steward (default: the party of your key)"],
        ["--format <format>", "csv, json or ndjson (default: by the file's name; json for an API)"],
        ["--items <pointer>", "where the rows stand in a JSON document, e.g. /items"],
        ["--column <field=name>...", "a field that the source calls otherwise"],
        ["--secret-header <header=VAR>...", "a header whose value the gateway takes from its environment"],
        ["--ticket", "the source stands behind quanji-source: show it each permit's receipt"],
        ["--subject-field <field>", "the field that tells of whom a row is: what accesses name is compared with it"],
        ["--tag-keys <file>", "the steward's tag keys for that; copied as --file is"],
        ["--allow-private", "let the gateway call loopback and private addresses, and plain http"],
        ["--data <folder>", "the gateway's data folder (default: QUANJI_DATA, or ./data)"],
      ],
      examples: [
        "source add res/weather.daily --file weather.csv",
        "source add res/weather.daily --url 'http://127.0.0.1:9000/days?from={from}&to={to}' --allow-private --items /rows",
      ],
      run: add,
    },
  ]);
}

async function add(context: Context, [resource = ""]: readonly string[], options: Options): Promise<Result> {
  const data = context.path(options.text("data") ?? context.io.env["QUANJI_DATA"] ?? "data");
  const steward = options.text("steward") ?? (await context.key()).party;
  if (steward === undefined) throw new UsageError("who is the steward? give --steward, or the steward's --key");
  const binding = checked({
    ...(await placeOf(context, data, resource, options)),
    resource,
    steward,
    ...optional(options),
    ...(await subjectsOf(context, data, options)),
  });
  await bind(data, binding);
  return { json: { ...binding, file: join(data, CONFIG) }, text: pairs({ ...binding, file: join(data, CONFIG) }) };
}

function optional(options: Options): Readonly<Record<string, unknown>> {
  const columns = options.many("column").map((text) => pairOf(text, "--column"));
  const items = options.text("items");
  return {
    ...(columns.length > 0 && { columns: Object.fromEntries(columns) }),
    ...(items !== undefined && { items }),
  };
}

/** One without the other would compare nothing, and look as if it did. */
async function subjectsOf(
  context: Context,
  data: string,
  options: Options,
): Promise<{ readonly subjects?: Binding["subjects"] }> {
  const [field, keys] = [options.text("subjectField"), options.text("tagKeys")];
  if (field === undefined && keys === undefined) return {};
  if (field === undefined || keys === undefined) throw new UsageError("--subject-field and --tag-keys go together");
  return { subjects: { field, keys: await inSources(context.path(keys), data, basename(keys)) } };
}

async function placeOf(
  context: Context,
  data: string,
  resource: string,
  options: Options,
): Promise<Readonly<Record<string, unknown>>> {
  const [file, url, format] = [options.text("file"), options.text("url"), options.text("format")];
  if (file !== undefined && url === undefined) {
    return {
      kind: "file",
      format: format ?? extname(file).slice(1).toLowerCase(),
      path: await inSources(context.path(file), data, `${resource.replace("/", "-")}${extname(file)}`),
    };
  }
  if (url === undefined || file !== undefined)
    throw new UsageError("where is the data? give --file or --url, one of them");
  const secrets = options.many("secretHeader").map((text) => pairOf(text, "--secret-header"));
  return {
    kind: "http",
    format: format ?? "json",
    url,
    ...(secrets.length > 0 && { secretHeaders: Object.fromEntries(secrets) }),
    ...(options.flag("allowPrivate") && { allowPrivate: true }),
    ...(options.flag("ticket") && { ticket: true }),
  };
}

function pairOf(text: string, flag: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at <= 0 || at === text.length - 1) throw new UsageError(`${flag} looks like name=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Path relative to the folder for sources; a file from elsewhere is copied into it, under that name and with its mode. */
async function inSources(file: string, data: string, name: string): Promise<string> {
  const folder = join(data, SOURCES);
  await mkdir(folder, { recursive: true });
  const real = await realpath(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  const inside = relative(await realpath(folder), real);
  if (inside !== "" && !inside.startsWith("..") && !inside.startsWith(sep)) return inside.split(sep).join("/");
  await copyFile(real, join(folder, name)).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  return name;
}

function checked(input: unknown): Binding {
  try {
    return parseWith(Binding, input);
  } catch (cause) {
    if (!(cause instanceof QuanjiError)) throw cause;
    const field = cause.field ?? "";
    throw new QuanjiError("CONFIG_INVALID", `${field}: ${cause.message}`, { field, cause });
  }
}

/** Replaces the binding of the same resource and steward, and touches nothing else in the file. */
async function bind(data: string, binding: Binding): Promise<void> {
  const path = join(data, CONFIG);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "{}";
    throw error;
  });
  const config = toJson(text, path);
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new QuanjiError("CONFIG_INVALID", `${path} does not hold a JSON object`, { field: CONFIG });
  }
  const { sources = [], ...rest } = config as { readonly sources?: unknown };
  if (!Array.isArray(sources)) {
    throw new QuanjiError("CONFIG_INVALID", `${path}: sources is not a list`, { field: "sources" });
  }
  const others = (sources as readonly unknown[]).filter((entry) => !isSame(entry, binding));
  await mkdir(data, { recursive: true });
  await replaceFile(
    dirname(path),
    basename(path),
    `${JSON.stringify({ ...rest, sources: [...others, binding] }, null, 2)}\n`,
  );
}

function isSame(entry: unknown, { resource, steward }: Binding): boolean {
  const { resource: id, steward: whose } = (entry ?? {}) as { readonly resource?: unknown; readonly steward?: unknown };
  return id === resource && whose === steward;
}
