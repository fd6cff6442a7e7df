/**
 * Bindings: where the gateway finds the data of the resources it serves. Configuration of one gateway, never on the ledger.
 * A binding names the steward as well as the resource: ids are taken by whoever registers first, and a stranger who
 * registers an id must not be served the file that was meant for its owner.
 */
import { isIP } from "node:net";
import { FieldName, PartyId, QuanjiError, ResourceId } from "@quanji/chaincode/domain";
import { z } from "zod";
import { isAllowed, type Resolver, systemResolver } from "./address.js";
import { FileSource } from "./file-source.js";
import { HttpSource } from "./http-source.js";
import type { Source } from "./source.js";
import { TICKET_HEADER } from "./ticket.js";
import { UrlTemplate } from "./url-template.js";
import { invalid } from "./zod-path.js";

const MIB = 1_048_576;
const MAX_BYTES = 1024 * MIB;
const DEFAULT_FILE_BYTES = 64 * MIB;
/** One JSON document is held whole for as long as it is read, by every access at a time. */
const MAX_JSON_BYTES = 128 * MIB;
const DEFAULT_JSON_BYTES = 16 * MIB;
const DEFAULT_HTTP_BYTES = 16 * MIB;
const DEFAULT_TIMEOUT_MS = 10_000;

/** These decide where a request goes, how it is framed or how the answer comes back: not a matter of configuration. */
const RESERVED_HEADERS = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "accept-encoding",
  "upgrade",
  TICKET_HEADER,
]);

const HeaderName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, "a header's name")
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), "a header that cannot be configured");
const HeaderValue = z.string().regex(/^[\x20-\x7e]{0,1024}$/, "printable ASCII");
const VariableName = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "the name of an environment variable");

const RelativePath = z
  .string()
  .min(1)
  .max(1024)
  .refine((path) => !path.startsWith("/") && !path.includes("\0"), "a path relative to the folder for sources");

const common = {
  resource: ResourceId,
  /** Party that must be the resource's steward for this binding to apply. */
  steward: PartyId,
  /** JSON pointer to the array of rows; JSON only. */
  items: z
    .string()
    .regex(/^(?:\/[^/]+)*$/, "a JSON pointer such as /items")
    .optional(),
  /** Field → its name in the source, where the two differ. */
  columns: z.record(FieldName, z.string().min(1).max(256)).optional(),
  maxBytes: z.int().min(1).max(MAX_BYTES).optional(),
  /**
   * Of a resource about persons: the field that tells of whom a row is, and the file of the steward's tag keys, relative to the folder
   * for sources. With it, what an access names is compared with what it is about.
   */
  subjects: z.strictObject({ field: FieldName, keys: RelativePath }).optional(),
};

const FileBinding = z.strictObject({
  ...common,
  kind: z.literal("file"),
  format: z.enum(["csv", "json", "ndjson"]),
  path: RelativePath,
});

const HttpBinding = z.strictObject({
  ...common,
  kind: z.literal("http"),
  format: z.enum(["csv", "json", "ndjson"]),
  /** See {@link UrlTemplate}. */
  url: z.string().min(1).max(2048),
  headers: z.record(HeaderName, HeaderValue).optional(),
  /** Header → environment variable that holds its value. */
  secretHeaders: z.record(HeaderName, VariableName).optional(),
  /** Allows loopback and private networks, and plain http. */
  allowPrivate: z.boolean().optional(),
  timeoutMs: z.int().min(1).max(120_000).optional(),
  /** The source stands behind an adapter: each request shows it the receipt of its permit. */
  ticket: z.boolean().optional(),
});

export const BindingSchema = z.discriminatedUnion("kind", [FileBinding, HttpBinding]);
export type Binding = z.infer<typeof BindingSchema>;
type HttpBinding = z.infer<typeof HttpBinding>;

/**
 * Parses the list of bindings. `root` is its name in the configuration.
 * Errors: CONFIG_INVALID naming the member, `sources[1].path`.
 */
export function parseBindings(input: unknown, root = "sources"): Binding[] {
  const result = z.array(BindingSchema).safeParse(input);
  if (!result.success) throw invalid("CONFIG_INVALID", root, result.error);
  const seen = new Set<string>();
  result.data.forEach((binding, i) => {
    checkBinding(binding, `${root}[${i}]`);
    const key = `${binding.resource} ${binding.steward}`;
    if (seen.has(key)) throw misconfigured(`${root}[${i}].resource`, "is bound twice for this steward");
    seen.add(key);
  });
  return result.data;
}

const misconfigured = (field: string, message: string): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${field}: ${message}`, { field });

function checkBinding(binding: Binding, at: string): void {
  if (binding.items !== undefined && binding.format !== "json") {
    throw misconfigured(`${at}.items`, "only a JSON document has a place for its rows");
  }
  if (binding.format === "json" && (binding.maxBytes ?? 0) > MAX_JSON_BYTES) {
    throw misconfigured(`${at}.maxBytes`, `is more than ${MAX_JSON_BYTES} for one JSON document: use NDJSON`);
  }
  if (binding.kind === "http") templateOf(binding, at);
}

/** The template, once its address is one that may be called. Names are checked when they are resolved. */
function templateOf({ url, columns, allowPrivate = false }: HttpBinding, at: string): UrlTemplate {
  let template: UrlTemplate;
  try {
    template = new UrlTemplate(url, columns);
  } catch (error) {
    if (error instanceof QuanjiError) throw misconfigured(`${at}.url`, error.message.replace(/^url: /, ""));
    throw error;
  }
  const { protocol, hostname } = new URL(template.origin);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isAllowed(host, allowPrivate)) {
    throw misconfigured(`${at}.url`, "is an address that the gateway may not call (see allowPrivate)");
  }
  if (protocol !== "https:" && !allowPrivate) {
    throw misconfigured(`${at}.url`, "is not https; plain http is only for private networks (see allowPrivate)");
  }
  return template;
}

/** The binding of a resource under this steward, and no other. */
export const findBinding = (bindings: readonly Binding[], resource: string, steward: string): Binding | undefined =>
  bindings.find((binding) => binding.resource === resource && binding.steward === steward);

/** What sources need of the machine. */
export interface SourceEnvironment {
  /** Folder that all files of bindings lie in. */
  readonly folder: string;
  /** Environment variables, for credentials. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Default: the system's. */
  readonly resolver?: Resolver;
  /** Ms since 1970. Default: the machine's. */
  readonly clock?: () => number;
}

/** Opens no file and no connection yet. Close it at the end. Errors: CONFIG_INVALID if a credential is missing. */
export function openSource(binding: Binding, environment: SourceEnvironment): Source {
  const { format, items, columns } = binding;
  const layout = { format, items, columns };
  if (binding.kind === "file") {
    const { path, maxBytes = format === "json" ? DEFAULT_JSON_BYTES : DEFAULT_FILE_BYTES } = binding;
    const { folder, clock = Date.now } = environment;
    return new FileSource({ ...layout, folder, path, maxBytes, clock });
  }
  return new HttpSource({
    ...layout,
    url: templateOf(binding, binding.resource),
    headers: { ...binding.headers, ...secrets(binding, environment) },
    allowPrivate: binding.allowPrivate ?? false,
    timeoutMs: binding.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBytes: binding.maxBytes ?? DEFAULT_HTTP_BYTES,
    resolver: environment.resolver ?? systemResolver,
  });
}

function secrets(
  { resource, secretHeaders = {} }: HttpBinding,
  { variables }: SourceEnvironment,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(secretHeaders).map(([header, variable]) => {
      const value = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
      if (value === undefined || value === "" || !HeaderValue.safeParse(value).success) {
        const problem = `the environment variable ${variable} is missing or holds no header value`;
        throw misconfigured(`${resource}.secretHeaders.${header}`, problem);
      }
      return [header, value];
    }),
  );
}
