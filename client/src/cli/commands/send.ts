import { type Command } from "commander";
import { COMMANDS, isVerb, QuanjiError, type Verb } from "@quanji/chaincode/domain";
import { assertProfile, type Json, type JsonObject } from "@quanji/chaincode/log";
import { bodyOf, type Sent, type Values } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { type Options, toJson, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, type Runtime } from "../program.js";

export const OPENINGS: readonly [string, string] = [
  "--openings <file>",
  'JSON of what the command commits to, by path: {"ground": {"value": "…"}}',
];

export function sendCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "send <verb> [file]",
      summary: `Sign and send any command; its payload is JSON in a file, or - for standard input. Verbs: ${Object.keys(COMMANDS).join(", ")}.`,
      options: [OPENINGS],
      examples: ["send party.suspend suspend.json --openings ground.json", "send grant.withdraw -"],
      run: async (context, [verb = "", file = "-"], options) => {
        const input = await inputOf(context, verb, file, options);
        if (input.verb === "access") throw new UsageError("quanji access sends accesses: they carry sequence numbers");
        const client = await context.client();
        return sentResult(await client.send(input.verb, input.payload, input.values));
      },
    },
    {
      usage: "sign <verb> <file>",
      summary: "Only print the signed command.",
      options: [OPENINGS],
      examples: ["sign grant.approve approve.json > approve.jws"],
      run: async (context, [verb = "", file = "-"], options) => {
        const input = await inputOf(context, verb, file, options);
        const client = await context.client();
        const signed = await client.sign(input.verb, input.payload, input.values);
        const { text } = bodyOf(signed);
        return { json: { request: signed.request, ...(JSON.parse(text) as Record<string, unknown>) }, text };
      },
    },
  ]);
}

interface Input {
  readonly verb: Verb;
  readonly payload: JsonObject;
  readonly values: Values;
}

async function inputOf(context: Context, verb: string, file: string, options: Options): Promise<Input> {
  if (!isVerb(verb)) throw new UsageError(`there is no command ${verb}; quanji help send lists them`);
  const payload = toObject(await context.readText(file), "the payload");
  const openings = options.text("openings");
  return { verb, payload, values: openings === undefined ? {} : valuesOf(await context.readText(openings)) };
}

export function toObject(text: string, what: string): JsonObject {
  const json = toJson(text, what);
  assertProfile(json, { maxBytes: Infinity, maxDepth: 32 });
  if (typeof json !== "object" || Array.isArray(json)) throw new UsageError(`${what} is a JSON object, {…}`);
  return json as JsonObject;
}

/** `{path: {value, salt?}}` */
export function valuesOf(text: string): Values {
  const entries = Object.entries(toObject(text, "the file of openings")).map(([path, entry]) => {
    const { value, salt, ...rest } = typeof entry === "object" && !Array.isArray(entry) ? (entry as JsonObject) : {};
    if (value === undefined || Object.keys(rest).length > 0) {
      throw new QuanjiError("MALFORMED", 'an opening looks like {"value": …}, with a salt if you choose it', {
        field: path,
      });
    }
    const made: { value: Json; salt?: string } = typeof salt === "string" ? { value, salt } : { value };
    return [path, made] as const;
  });
  return Object.fromEntries(entries);
}

/** What every short form answers: where the command stands on the ledger. */
export function sentResult(
  sent: Sent,
  more: Readonly<Record<string, unknown>> = {},
  notes: readonly string[] = [],
): Result {
  const { request, block, index, txId, result } = sent;
  const facts = { ...more, request, block, index, txId };
  return { json: { ...facts, ...(Object.keys(result).length > 0 && { result }) }, text: pairs(facts), notes };
}
