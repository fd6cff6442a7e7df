import { type Command } from "commander";
import { ACTIONS, ENVIRONMENTS, type Grant, type Party, type Resource } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromUtf8, type Json } from "@quanji/chaincode/log";
import {
  type Access,
  AccessRefused,
  type CheckedReceipt,
  type Client,
  type EvidenceWish,
  parseRows,
  type PermittedAccess,
} from "../../sdk/index.js";
import type { Context } from "../context.js";
import { assertWritable, writeBeside } from "../files.js";
import { type Options, toRange, UsageError } from "../options.js";
import type { Result } from "../output.js";
import { declare, type Runtime } from "../program.js";
import { toObject } from "./send.js";

export function accessCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "access <resource>",
      summary: "Use a resource: signs, waits for the receipt, checks it and the data, and only then shows the data.",
      options: [
        ["--grant <id>", "grant to use (default: your newest active one on it)"],
        ["--action <action>", `${ACTIONS.join(", ")} (default: query)`],
        ["--purpose <code>", "purpose (default: the grant's, if it has only one)"],
        ["--fields <names>", "fields, comma-separated (default: all of the grant)"],
        ["--query <json>", 'JSON: {"where": [{"field": "location", "op": "eq", "value": "Seattle"}], "limit": 10}'],
        ["--range <from/to>", "range of dates, e.g. 2026-01-01/2026-02-01"],
        ["--quantity <n>", "most rows that may come (default: 1)"],
        ["--mode <mode>", "normal (the only one so far)"],
        [
          "--subjects <tags>",
          "tags of whom it is about, comma-separated, as the steward gave them (default: a bulk use)",
        ],
        ["--environment <kind>", `${ENVIRONMENTS.join(", ")} (default: the profile's, else api)`],
        ["--jurisdiction <code>", "where the data is used (default: the profile's, else your own)"],
        ["--operator <who>", "who or what acts in your house; committed to, never public (default: the profile's)"],
        ["--out <file>", "write the data (NDJSON) there instead of showing it"],
        ["--receipt <file>", "keep the receipt, e.g. use.receipt.json"],
        ["--evidence <level>", "committed or cosigned: what the receipt should be when it comes (default: committed)"],
        [
          "--wait <seconds>",
          "with --evidence cosigned: how long the gateway may wait for witnesses, 10 at most (default: 1)",
        ],
        ["--no-accept", "do not confirm on the ledger what arrived"],
      ],
      examples: [
        "access res/weather.daily --quantity 5",
        "access res/weather.daily --purpose insurance.pricing --fields date,temp_max --range 2026-01-01/2026-02-01 --quantity 31 --receipt jan.receipt.json",
      ],
      run: access,
    },
  ]);
}

async function access(context: Context, [resource = ""]: readonly string[], options: Options): Promise<Result> {
  options.oneOf("mode", "--mode", ["normal"]);
  const typed = await wantedOf(context, resource, options);
  const receiptFile = options.text("receipt");
  await assertWritable(context, receiptFile, "--receipt");
  await assertWritable(context, options.text("out"), "--out");
  const wish = wishOf(options);
  if (wish !== undefined && (await context.trust()) === undefined) {
    throw new UsageError("whose cosignatures count? give --trust FILE; quanji trust fetch gets one");
  }
  const client = await context.client({ accept: options.flag("accept") });
  const wanted = await complete(lookupOf(client), typed);
  try {
    const { access: permitted, data } = await client.fetch(wanted, wish);
    await keepReceipt(context, receiptFile, permitted.receipt);
    const { request, receipt } = permitted;
    const facts = {
      request,
      decision: "permit",
      log: receipt.record.face.log,
      index: receipt.record.face.index,
      grant: wanted.grant,
      level: receipt.level ?? receipt.receipt.level,
      accepted: permitted.acceptance !== undefined,
    };
    const out = options.text("out");
    const notes = [...notesOf(request, receiptFile), levelNote(receipt), ...acceptanceNotes(permitted)];
    if (out === undefined) return { json: { ...facts, rows: parseRows(data) }, text: fromUtf8(data).trimEnd(), notes };
    await writeBeside(context, out, data);
    return {
      json: { ...facts, out, bytes: data.length },
      text: "",
      notes: [`${data.length} bytes in ${out}`, ...notes],
    };
  } catch (error) {
    if (error instanceof AccessRefused && error.receipt !== undefined)
      await keepReceipt(context, receiptFile, error.receipt);
    throw error;
  }
}

function wishOf(options: Options): EvidenceWish | undefined {
  const level = options.oneOf("evidence", "--evidence", ["committed", "cosigned"] as const);
  const waitSeconds = options.count("wait", "--wait");
  if (level === "cosigned") return { evidence: level, ...(waitSeconds !== undefined && { waitSeconds }) };
  if (waitSeconds !== undefined) throw new UsageError("--wait is for --evidence cosigned");
  return undefined;
}

/** Without a trust file the level is the gateway's word. */
export const levelNote = ({ level, receipt }: CheckedReceipt): string =>
  level === undefined ? `receipt ${receipt.level}, not verified: no trust file` : `receipt ${level}`;

function acceptanceNotes({ acceptance, unaccepted, request }: PermittedAccess): readonly string[] {
  if (acceptance !== undefined) return [`accepted: record ${Number(acceptance.result["record"])} of its log`];
  if (unaccepted === undefined) return [`not accepted; later: quanji accept ${request} --data FILE`];
  return [`not accepted (${unaccepted.code}: ${unaccepted.message}); again: quanji accept ${request} --data FILE`];
}

const notesOf = (request: string, receiptFile: string | undefined): readonly string[] => [
  `request ${request}`,
  receiptFile === undefined
    ? `next: keep its receipt: quanji receipt get ${request} --out use.receipt.json`
    : `receipt in ${receiptFile}: quanji verify ${receiptFile} --trust trust.json`,
];

/** What was typed, before the ledger fills in the rest. */
export interface Wanted extends Omit<Partial<Access>, "environment" | "operator"> {
  readonly resource: string;
  readonly environment: Access["environment"]["kind"];
  readonly jurisdiction?: string;
  readonly operator?: string;
}

async function wantedOf(context: Context, resource: string, options: Options): Promise<Wanted> {
  const { profile } = await context.profile();
  const range = options.text("range");
  const query = options.text("query");
  const quantity = options.count("quantity", "--quantity") ?? 1;
  const environment =
    options.oneOf("environment", "--environment", ENVIRONMENTS) ??
    ENVIRONMENTS.find((kind) => kind === profile.environment);
  const jurisdiction = options.text("jurisdiction") ?? profile.jurisdiction;
  const operator = options.text("operator") ?? profile.operator;
  return {
    resource,
    ...named(options),
    action: options.oneOf("action", "--action", ACTIONS) ?? "query",
    environment: environment ?? "api",
    quantity,
    query: limited(query === undefined ? {} : toObject(query, "--query"), quantity),
    ...(range !== undefined && { range: toRange(range, "--range") }),
    ...(jurisdiction !== undefined && { jurisdiction }),
    ...(operator !== undefined && { operator }),
  };
}

function named(options: Options): Pick<Wanted, "grant" | "purpose" | "fields" | "subjects"> {
  const [grant, purpose, fields] = [options.text("grant"), options.text("purpose"), options.list("fields")];
  const subjects = options.list("subjects");
  return {
    ...(grant !== undefined && { grant }),
    ...(purpose !== undefined && { purpose }),
    ...(fields !== undefined && { fields: [...fields] }),
    ...(subjects !== undefined && { subjects }),
  };
}

/** Without a limit the source would answer all rows, and more than `quantity` fail. */
const limited = (query: Readonly<Record<string, Json>>, quantity: number): Json =>
  query["limit"] === undefined ? { ...query, limit: quantity } : query;

/** What filling in asks the ledger for: the client, or something that remembers its answers. */
export interface Lookup {
  usable(resource: string): Promise<readonly Grant[]>;
  grant(id: string): Promise<Grant>;
  resource(id: string): Promise<Resource>;
  self(): Promise<Party>;
}

export const lookupOf = (client: Client): Lookup => ({
  usable: (resource) => client.grants.usable(resource),
  grant: (id) => client.grants.get(id),
  resource: (id) => client.resources.get(id),
  self: () => client.parties.get(client.party),
});

/** Fills in what follows from resource and grant. Without any grant it asks all the same: the denial is recorded, too. */
export async function complete(ledger: Lookup, wanted: Wanted): Promise<Access> {
  const { environment, jurisdiction, operator, ...rest } = wanted;
  const [found] =
    wanted.grant === undefined ? await ledger.usable(wanted.resource) : [await ledger.grant(wanted.grant)];
  const fields =
    wanted.fields ?? found?.terms.fields ?? (await ledger.resource(wanted.resource)).fields.map(({ name }) => name);
  return {
    ...rest,
    action: wanted.action ?? "query",
    fields: [...fields],
    purpose: purposeOf(wanted.purpose, found?.terms.purposes),
    environment: { kind: environment, jurisdiction: jurisdiction ?? (await ledger.self()).jurisdiction },
    operator: operator ?? (await ledger.self()).id,
    ...(found !== undefined && { grant: found.id }),
  };
}

function purposeOf(typed: string | undefined, granted: readonly string[] | undefined): string {
  const [only, ...others] = granted ?? [];
  const purpose = typed ?? (others.length === 0 ? only : undefined);
  if (purpose !== undefined) return purpose;
  const choice = others.length > 0 ? `, one of ${[only, ...others].join(", ")}` : "";
  throw new UsageError(`for which purpose? give --purpose${choice}`);
}

export const receiptText = (jws: FlattenedJws): string => `${canonical(jws, { maxBytes: 1_048_576, maxDepth: 2 })}\n`;

async function keepReceipt(context: Context, file: string | undefined, { jws }: CheckedReceipt): Promise<void> {
  if (file !== undefined) await writeBeside(context, file, receiptText(jws));
}
