import { type Command } from "commander";
import {
  BoundaryPublish,
  instant,
  parseWith,
  recordLeaf,
  splitRecordText,
  splitVersion,
} from "@quanji/chaincode/domain";
import { hashText } from "@quanji/chaincode/log";
import type { Context } from "../context.js";
import { type Options, toInstant, toJson, toOneOf, UsageError } from "../options.js";
import { declare, group, type Runtime } from "../program.js";
import { sentResult } from "./send.js";

/** A list takes effect no earlier than it is published, and publishing takes a moment. */
const SOON_MS = 10_000;

export function boundaryCommands(program: Command, runtime: Runtime): void {
  const boundary = group(program, runtime, "boundary", "Publish boundary lists (负面清单, 责任清单).");
  declare(boundary, runtime, [
    {
      usage: "publish <file>",
      summary: "Publish a version of a list: JSON with its cells, or with list, version, effectiveFrom and cells.",
      options: [
        ["--list <code>", "name of the list"],
        ["--list-version <n>", "its version (default: 1)"],
        ["--from <time>", "when it takes effect (default: in ten seconds)"],
        ["--until <time>", "when it ends"],
      ],
      examples: ["boundary publish cells.json --list negative --list-version 2 --from 2026-07-01T00:00:00Z"],
      run: publish,
    },
  ]);
}

/** An access with its delivery and acceptance: what belongs to it would tell what the order hides. */
async function sealAccess(context: Context, [request = ""]: readonly string[], options: Options) {
  const ground = options.required("ground", "--ground");
  const authority = options.required("authority", "--authority");
  const until = toInstant(options.required("until", "--until"), "--until");
  const client = await context.client();
  const { access, delivery, acceptance } = await client.receipt(request);
  if (access.record.type !== "access") throw new UsageError("give the request of an access");
  const found = [access, delivery, acceptance].flatMap((one) => (one === undefined ? [] : [one]));
  const records = found
    .map(({ record, receipt }) => ({
      index: record.face.index,
      leaf: hashText(recordLeaf(splitRecordText(receipt.record))),
    }))
    .sort((a, b) => a.index - b.index);
  const resource = splitVersion(access.record.body.resource).id;
  const order = client.newId();
  const { log } = access.record.face;
  const payload = { resource, log, order, authority, until, records };
  const sent = await client.send("record.seal", payload, { ground: { value: ground } });
  return sentResult(sent, { order, resource, entries: records.length, until }, [
    `to end it earlier: quanji order unseal ${order} ${resource} --ground …`,
  ]);
}

async function publish(context: Context, [file = ""]: readonly string[], options: Options) {
  const json = toJson(await context.readText(file), file);
  if (typeof json !== "object" || json === null) throw new UsageError(`${file} holds a list of cells`);
  const given: Readonly<Record<string, unknown>> = Array.isArray(json) ? { cells: json } : { ...json };
  const client = await context.client();
  const from = options.text("from");
  const until = options.text("until");
  const list = options.text("list") ?? given["list"];
  if (list === undefined) throw new UsageError("which list? give --list");
  const { net: _net, ...input } = parseWith(BoundaryPublish, {
    version: 1,
    effectiveFrom: instant(client.nowMs() + SOON_MS),
    ...given,
    net: client.network.net,
    list,
    ...(options.text("listVersion") !== undefined && { version: options.count("listVersion", "--list-version") }),
    ...(from !== undefined && { effectiveFrom: toInstant(from, "--from") }),
    ...(until !== undefined && { until: toInstant(until, "--until") }),
  });
  const { version, effectiveFrom, cells } = input;
  return sentResult(await client.publishBoundary(input), { list, version, effectiveFrom, cells: cells.length });
}

export function orderCommands(program: Command, runtime: Runtime): void {
  const order = group(program, runtime, "order", "The regulator's stops (冻结令): alone and at once.");
  declare(order, runtime, [
    {
      usage: "freeze <kind> <id>",
      summary: "Freeze a resource, a party or a grant.",
      options: [["--ground <text>", "why; committed to, never public"]],
      examples: ['order freeze resource res/weather.daily --ground "case 12" --key data/keys/regulator.jwk'],
      run: async (context, [kind = "", id = ""], options) => {
        const ground = options.required("ground", "--ground");
        const target = { kind: toOneOf(kind, "what is frozen", ["resource", "party", "grant"] as const), id };
        const client = await context.client();
        const { order: made, ...sent } = await client.freeze(target, ground);
        return sentResult(sent, { order: made, target: `${kind} ${id}` }, [
          `to end it: quanji order lift ${made} --ground …`,
        ]);
      },
    },
    {
      usage: "lift <order>",
      summary: "Lift an order.",
      options: [["--ground <text>", "why; committed to, never public"]],
      examples: ['order lift 2f6b9a1e-… --ground "case 12 closed"'],
      run: async (context, [id = ""], options) => {
        const ground = options.required("ground", "--ground");
        const client = await context.client();
        return sentResult(await client.lift(id, ground), {
          order: id,
          state: "lifted",
        });
      },
    },
    {
      usage: "seal <request>",
      summary:
        "Hide an access, its delivery and acceptance from all but you and its requester, until a date: counted, not shown.",
      options: [
        ["--until <time>", "when it is shown again: two years ahead at most"],
        ["--authority <name>", "who decided so; every trail that counts the entries names it"],
        ["--ground <text>", "why; committed to, never public"],
      ],
      examples: ['order seal 6sZ1Qk… --until 2027-01-01T00:00:00Z --authority "district court" --ground "case 31"'],
      run: sealAccess,
    },
    {
      usage: "unseal <order> <resource>",
      summary: "Show sealed entries before their date.",
      options: [["--ground <text>", "why; committed to, never public"]],
      examples: ['order unseal 2f6b9a1e-… res/weather.daily --ground "case 31 closed"'],
      run: async (context, [order = "", resource = ""], options) => {
        const ground = options.required("ground", "--ground");
        const client = await context.client();
        const sent = await client.send("record.unseal", { order, resource }, { ground: { value: ground } });
        return sentResult(sent, { order, state: "lifted" });
      },
    },
  ]);
}
