import { type Command } from "commander";
import { type Grant, openSteps, QuanjiError } from "@quanji/chaincode/domain";
import type { Client, PartyKeyPair } from "../../sdk/index.js";
import { DEADLINES } from "../../sdk/index.js";
import { signatureVerifier } from "../../sdk/engine.js";
import { loadNetwork, parseAddress } from "../../sdk/network.js";
import { exchange } from "../../sdk/transport.js";
import type { Context } from "../context.js";
import { EXIT } from "../failure.js";
import { type Options, toOneOf, UsageError } from "../options.js";
import { display, pairs, type Result, table } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Runtime } from "../program.js";

const KINDS = ["parties", "resources", "grants", "attestations", "offers", "contracts", "logs", "derived"] as const;
type Kind = (typeof KINDS)[number];

const COLUMNS: Readonly<Record<Kind, readonly string[]>> = {
  parties: ["id", "state", "kind", "roles", "name"],
  resources: ["id", "version", "state", "class", "sharing", "steward", "title"],
  grants: ["id", "state", "resource", "grantor", "grantee"],
  attestations: ["id", "state", "kind", "subject", "issuer", "until"],
  offers: ["id", "state", "resource", "seller", "exchange", "purposes"],
  contracts: ["id", "state", "version", "n"],
  logs: ["origin", "gateway", "msp"],
  derived: ["resource", "steward", "parents", "grantees", "title"],
};

export function listCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "ls <kind> [resource]",
      summary:
        "List what you may see: parties, resources, grants, attestations, offers, contracts or logs; or, derived from a resource of yours, products and who uses them.",
      options: [["--filter <k=v>...", "only where the member k is v, e.g. state=active"]],
      examples: ["ls resources", "ls grants --filter state=active", "ls derived res/traffic.live"],
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
      summary: "Is the gateway there, is it the one you trust, and (with a key) who are you to it?",
      examples: ["status"],
      run: status,
    },
  ]);
}

const stepOf = (grant: Grant, party: string): string =>
  openSteps(grant).find((step) => step.party === party)?.kind ?? "-";

async function list(context: Context, [name = "", of = ""]: readonly string[], options: Options): Promise<Result> {
  const kind = toOneOf(name, "what is listed", KINDS);
  if ((kind === "derived") !== (of !== "")) throw new UsageError("a resource is named with derived, and only there");
  const filters = options.many("filter").map(parseFilter);
  const client = await context.client();
  const bar = progress(context.io, `reading ${kind}`, kind);
  const items: Readonly<Record<string, unknown>>[] = [];
  let read = 0;
  for await (const item of itemsOf(client, kind, of)) {
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

async function* itemsOf(
  client: Client,
  kind: Kind,
  of: string,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, void> {
  if (kind === "derived") {
    for (const product of await client.resources.derived(of)) {
      yield { ...product, grantees: product.users?.map(({ grantee }) => grantee) ?? "?" };
    }
    return;
  }
  if (kind === "logs") yield* client.network.logs.map((log) => ({ ...log }));
  else for await (const item of client[kind].all()) yield { ...item };
}

function parseFilter(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageError("--filter looks like state=active");
  return [text.slice(0, at), text.slice(at + 1)];
}

async function show(context: Context, [kind = "", id = ""]: readonly string[]): Promise<Result> {
  const shown = toOneOf(kind, "what is shown", ["party", "resource", "grant", "command"] as const);
  const found = await find(await context.client(), shown, id);
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

/** Public material alone says what the gateway is; a key adds who its party is there. */
async function status(context: Context): Promise<Result> {
  const address = parseAddress(await context.gateway());
  const trust = await context.trust();
  const key = (await context.namedKey()) === undefined ? undefined : await context.key();
  const ready = await readiness(context, address);
  const { network, gateway } = await loadNetwork({
    address,
    fetch: context.io.fetch,
    verify: signatureVerifier(),
    deadlines: DEADLINES,
    nowMs: context.io.clock(),
    ...(trust !== undefined && { trust }),
  });
  const facts = {
    gateway: address,
    registered: gateway.publicUrl,
    name: gateway.name,
    net: network.net,
    ready,
    logs: network.logs.filter((log) => log.gateway === gateway.name).map(({ origin }) => origin),
    trust: trust?.digest ?? "none pinned: the gateway's key is believed as found",
    ...(await self(context, key)),
  };
  return { json: facts, text: pairs(facts), exitCode: ready ? EXIT.ok : EXIT.unreachable };
}

async function self(context: Context, key: PartyKeyPair | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (key === undefined) return { party: "no key given: only what is public was asked" };
  if (key.party === undefined) return { party: "the key belongs to no party yet: quanji party register" };
  const client = await context.client();
  const me = await client.parties.get(client.party).catch((error: unknown) => {
    if (error instanceof QuanjiError && error.code !== "UNREACHABLE" && error.code !== "ANSWER_MISMATCH")
      return error.code;
    throw error;
  });
  return typeof me === "string"
    ? { party: client.party, state: me }
    : { party: client.party, state: me.state, roles: me.roles };
}

async function readiness({ io }: Context, gateway: string): Promise<boolean> {
  const reply = await exchange(io.fetch, { url: `${gateway}/readyz`, method: "GET" }, DEADLINES);
  await reply.text();
  return reply.status === 200;
}
