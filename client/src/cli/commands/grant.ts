import { type Command } from "commander";
import { type Grant, QuanjiError, type Resource, RIGHTS } from "@quanji/chaincode/domain";
import type { Client } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { type Options, UsageError } from "../options.js";
import type { Result } from "../output.js";
import { type Declaration, declare, group, type Runtime } from "../program.js";
import { sentResult } from "./send.js";
import { assertTermFlags, TERM_OPTIONS, termsOf, toShares, withTerms } from "./terms.js";

const GROUND: readonly [string, string] = ["--ground <text>", "why; committed to, never public"];
const DEPTH: readonly [string, string] = ["--depth <n>", "how many generations of sub-grants may follow (default: 0)"];

type Decision = (
  client: Client,
  grant: string,
  ground: string | undefined,
) => Promise<Parameters<typeof sentResult>[0]>;

/** A command that only names a grant. Without an id, the one that waits for the signer is meant, if there is exactly one. */
function decision(
  name: string,
  summary: string,
  state: string | undefined,
  send: Decision,
  ground = false,
): Declaration {
  return {
    usage: `${name} [id]`,
    summary,
    options: ground ? [GROUND] : [],
    examples: [`grant ${name} 0b0f2c52-…`],
    run: async (context, [id = ""], options) => {
      const client = await context.client();
      const grant = id === "" ? await theOneWaiting(client) : id;
      const sent = await send(client, grant, options.text("ground"));
      return sentResult(sent, { grant, state: state ?? (await stateOf(client, grant)) });
    },
  };
}

/** For display alone: the decision stands, whether it can be shown or not. */
const stateOf = (client: Client, grant: string): Promise<string | undefined> =>
  client.grants.get(grant).then(
    (found) => found.state,
    (error: unknown) => {
      if (error instanceof QuanjiError) return undefined;
      throw error;
    },
  );

async function theOneWaiting(client: Client): Promise<string> {
  const waiting = await client.grants.inbox();
  const [first] = waiting;
  if (first === undefined || waiting.length > 1) {
    throw new UsageError(`which grant? ${waiting.length} wait for you: quanji inbox lists them`);
  }
  return first.id;
}

export function grantCommands(program: Command, runtime: Runtime): void {
  const grants = group(program, runtime, "grant", "Ask for grants, decide on them, stop them.");
  declare(grants, runtime, [
    {
      usage: "request <resource>",
      summary: "Ask for a grant on a resource. What is not said is as wide as the resource and as short as a year.",
      options: [
        ...TERM_OPTIONS,
        ["--grantor <party>", "who shall grant (default: the holder of the right)"],
        ["--right <right>", `${RIGHTS.join(", ")} (default: operating)`],
        DEPTH,
      ],
      examples: [
        "grant request res/weather.daily --purpose insurance.pricing",
        "grant request res/weather.daily --purpose insurance.pricing --fields date,temp_max --quota 1000/P1M --round temp_max:0.5",
      ],
      run: request,
    },
    {
      usage: "offer <resource>",
      summary: "Offer a grant on what you hold; it is active once accepted and approved.",
      options: [["--to <party>", "to whom"], ...TERM_OPTIONS, ["--right <right>", RIGHTS.join(", ")], DEPTH],
      examples: ["grant offer res/weather.daily --to 91440300MAQJ0001XF --purpose insurance.pricing --days 90"],
      run: offer,
    },
    {
      usage: "derive <parent>",
      summary: "Grant a narrower part of your own grant to another party. What is not said is as in the parent.",
      options: [["--to <party>", "to whom"], ...TERM_OPTIONS, DEPTH],
      examples: ["grant derive 0b0f2c52-… --to urn:uuid:6b1c… --fields date,temp_max --quota 100/P1D"],
      run: derive,
    },
    {
      usage: "allot <id>",
      summary: "Share your grant's quota out among its logs anew. What a log has used in the present period it keeps.",
      options: [["--share <log=n>...", "the log by its number or name; a log that is not named gets nothing"]],
      examples: ["grant allot 0b0f2c52-… --share 0=600 --share 1=400"],
      run: allot,
    },
    decision("accept", "Accept a grant that was offered to you.", undefined, ({ grants: g }, id) => g.accept(id)),
    decision("approve", "Approve your open step of a grant.", undefined, ({ grants: g }, id) => g.approve(id)),
    decision(
      "refuse",
      "Refuse your open step of a grant: final.",
      "refused",
      ({ grants: g }, id, ground) => g.refuse(id, ground),
      true,
    ),
    decision("withdraw", "Withdraw your own request or offer.", "withdrawn", ({ grants: g }, id) => g.withdraw(id)),
    decision(
      "suspend",
      "Stop a grant and all below it, until resumed.",
      "suspended",
      ({ grants: g }, id, ground) => g.suspend(id, ground),
      true,
    ),
    decision("resume", "Resume a grant that you suspended.", "active", ({ grants: g }, id) => g.resume(id)),
    decision(
      "revoke",
      "Stop a grant and all below it for ever.",
      "revoked",
      ({ grants: g }, id, ground) => g.revoke(id, ground),
      true,
    ),
  ]);
}

const depthOf = (options: Options) => {
  const depth = options.count("depth", "--depth");
  return depth === undefined ? {} : { depth };
};

async function request(context: Context, [id = ""]: readonly string[], options: Options): Promise<Result> {
  const grantor = options.text("grantor");
  const right = options.oneOf("right", "--right", RIGHTS);
  assertTermFlags(options, context.io.clock());
  const client = await context.client();
  const resource = await client.resources.get(id);
  const sent = await client.grants.request({
    resource: id,
    terms: await freshTerms(context, client, resource, options),
    ...depthOf(options),
    ...(grantor !== undefined && { grantor }),
    ...(right !== undefined && { right }),
  });
  const approvers = (resource.route ?? []).flat();
  const who = approvers.length === 0 ? "the holder" : approvers.join(", ");
  return sentResult(sent, { grant: sent.grant, state: "pending" }, [
    `next: ${who} decides: quanji grant approve ${sent.grant}`,
  ]);
}

async function offer(context: Context, [id = ""]: readonly string[], options: Options): Promise<Result> {
  const grantee = options.required("to", "--to");
  const right = options.oneOf("right", "--right", RIGHTS);
  assertTermFlags(options, context.io.clock());
  const client = await context.client();
  const resource = await client.resources.get(id);
  const terms = await freshTerms(context, client, resource, options);
  const sent = await client.grants.offer({
    resource: id,
    grantee,
    terms,
    ...depthOf(options),
    ...(right !== undefined && { right }),
  });
  return sentResult(sent, { grant: sent.grant, state: "pending" }, [
    `next: ${grantee} accepts: quanji grant accept ${sent.grant}`,
  ]);
}

async function derive(context: Context, [parent = ""]: readonly string[], options: Options): Promise<Result> {
  const grantee = options.required("to", "--to");
  assertTermFlags(options, context.io.clock());
  const client = await context.client();
  const from: Grant = await client.grants.get(parent);
  const terms = withTerms({ terms: narrowed(from), logs: from.logs }, options, client.nowMs());
  const sent = await client.grants.derive(parent, { grantee, terms, ...depthOf(options) });
  return sentResult(sent, { grant: sent.grant, state: "active" }, [
    `next: ${grantee} uses it: quanji access RESOURCE --grant ${sent.grant}`,
  ]);
}

async function allot(context: Context, [grant = ""]: readonly string[], options: Options): Promise<Result> {
  const client = await context.client();
  const typed = options.many("share");
  if (typed.length === 0) throw new UsageError("which shares? give --share, e.g. --share 0=600 --share 1=400");
  const allotted = toShares(typed, (await client.grants.get(grant)).logs);
  const shares = allotted.map(({ log, n }) => `${log}=${n}`);
  return sentResult(await client.grants.allot(grant, allotted), { grant, shares });
}

/** A child may not sub-grant unless it is told to, and shares of logs are the parent's own. */
function narrowed({ terms, depth }: Grant): Grant["terms"] {
  const { quota, ...rest } = terms;
  const actions = depth > 1 ? terms.actions : terms.actions.filter((action) => action !== "subgrant");
  return { ...rest, actions: actions.length === 0 ? terms.actions : actions, ...(quota !== undefined && { quota }) };
}

async function freshTerms(context: Context, client: Client, resource: Resource, options: Options) {
  const { profile } = await context.profile();
  const jurisdiction = profile.jurisdiction ?? (await client.parties.get(client.party)).jurisdiction;
  return termsOf(context, resource, options, { jurisdiction, nowMs: client.nowMs() });
}
