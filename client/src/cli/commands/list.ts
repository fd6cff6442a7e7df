import { type Command } from "commander";
import { type Grant, openSteps, QuanjiError } from "@quanji/chaincode/domain";
import type { Client } from "../../sdk/index.js";
import { DEADLINES } from "../../sdk/index.js";
import { exchange } from "../../sdk/transport.js";
import type { Context } from "../context.js";
import { type Options, toOneOf, UsageError } from "../options.js";
import { display, pairs, type Result, table } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Runtime } from "../program.js";

const KINDS = ["parties", "resources", "grants", "logs"] as const;
type Kind = (typeof KINDS)[number];

const COLUMNS: Readonly<Record<Kind, readonly string[]>> = {
  parties: ["id", "state", "kind", "roles", "name"],
  resources: ["id", "version", "state", "class", "sharing", "steward", "title"],
  grants: ["id", "state", "resource", "grantor", "grantee"],
  logs: ["origin", "gateway", "msp"],
};

export function listCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "ls <kind>",
      summary: "List what you may see: parties, resources, grants or logs.",
      options: [["--filter <k=v>...", "only where the member k is v, e.g. state=active"]],
      examples: ["ls resources", "ls grants --filter state=active"],
      run: list,
    },
    {
      usage: "show <kind> <id>",
      summary: "Show one party, resource, grant or command.",
      examples: ["show resource res/weather.daily", "show grant 0b0f2c52-…"],
      run: show,
    },
    {
      usage: "inbox",
      summary: "What waits for your decision.",
      examples: ["inbox"],
      run: async (context) => {
        const client = await context.client();
        const waiting = await client.grants.inbox();
        const rows = waiting.map((grant) => [
          grant.id,
          stepOf(grant, client.party),
          grant.resource,
          grant.grantee,
          grant.terms.purposes,
        ]);
        return {
          json: { items: waiting },
          text: table(["grant", "decide", "resource", "grantee", "purposes"], rows),
          notes:
            waiting.length === 0
              ? []
              : ["decide: quanji show grant ID, then quanji grant approve ID or quanji grant refuse ID"],
        };
      },
    },
    {
      usage: "status",
      summary: "Is the gateway there, is it the one you trust, and who are you to it?",
      examples: ["status"],
      run: status,
    },
  ]);
}

const stepOf = (grant: Grant, party: string): string =>
  openSteps(grant).find((step) => step.party === party)?.kind ?? "-";

async function list(context: Context, [name = ""]: readonly string[], options: Options): Promise<Result> {
  const kind = toOneOf(name, "what is listed", KINDS);
  const client = await context.client();
  const filters = options.many("filter").map(parseFilter);
  const bar = progress(context.io, `reading ${kind}`, kind);
  const items: Readonly<Record<string, unknown>>[] = [];
  let read = 0;
  for await (const item of itemsOf(client, kind)) {
    bar.update(++read);
    if (filters.every(([member, value]) => display(item[member]) === value)) items.push(item);
  }
  bar.end();
  const columns = COLUMNS[kind];
  return {
    json: { items },
    text: table(
      columns,
      items.map((item) => columns.map((column) => item[column])),
    ),
  };
}

async function* itemsOf(client: Client, kind: Kind): AsyncGenerator<Readonly<Record<string, unknown>>, void, void> {
  if (kind === "logs") yield* client.network.logs.map((log) => ({ ...log }));
  else for await (const item of client[kind].all()) yield { ...item };
}

function parseFilter(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageError("--filter looks like state=active");
  return [text.slice(0, at), text.slice(at + 1)];
}

async function show(context: Context, [kind = "", id = ""]: readonly string[]): Promise<Result> {
  const client = await context.client();
  const found = await find(
    client,
    toOneOf(kind, "what is shown", ["party", "resource", "grant", "command"] as const),
    id,
  );
  return { json: found, text: JSON.stringify(found, null, 2) };
}

async function find(
  client: Client,
  kind: "party" | "resource" | "grant" | "command",
  id: string,
): Promise<Record<string, unknown>> {
  switch (kind) {
    case "party":
      return { ...(await client.parties.get(id)) };
    case "resource":
      return { ...(await client.resources.get(id)) };
    case "grant":
      return { ...(await client.grants.get(id)) };
    case "command":
      return { ...(await client.read(`/v1/commands/${encodeURIComponent(id)}`)) };
  }
}

async function status(context: Context): Promise<Result> {
  const gateway = await context.gateway();
  const ready = await readiness(context, gateway);
  const trust = await context.trust();
  const client = await context.client();
  const me = await client.parties.get(client.party).catch((error: unknown) => {
    if (error instanceof QuanjiError && error.code !== "UNREACHABLE" && error.code !== "ANSWER_MISMATCH")
      return error.code;
    throw error;
  });
  const facts = {
    gateway,
    registered: client.gateway.publicUrl,
    name: client.gateway.name,
    net: client.network.net,
    ready,
    trust: trust?.digest ?? "none pinned: the gateway's key is believed as found",
    party: client.party,
    state: typeof me === "string" ? me : me.state,
    roles: typeof me === "string" ? undefined : me.roles,
  };
  return { json: facts, text: pairs(facts) };
}

async function readiness({ io }: Context, gateway: string): Promise<boolean> {
  const reply = await exchange(io.fetch, { url: `${gateway}/readyz`, method: "GET" }, DEADLINES);
  await reply.text();
  return reply.status === 200;
}
