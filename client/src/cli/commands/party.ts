import { type Command } from "commander";
import { KEY_PURPOSES, ROLES, type Role } from "@quanji/chaincode/domain";
import { thumbprint } from "@quanji/chaincode/log";
import { openSigner, type PartyKeyPair, publicOf, uuid, writeKeyFile } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { openKeyFile } from "../files.js";
import { type Options, toInstant, toOneOf, toPartyId, UsageError } from "../options.js";
import { declare, group, type Runtime } from "../program.js";
import { sentResult } from "./send.js";

const rolesOf = (options: Options): readonly Role[] | undefined =>
  options.list("roles")?.map((role) => toOneOf(role, "a role", ROLES));

export function partyCommands(program: Command, runtime: Runtime): void {
  const party = group(program, runtime, "party", "Register, admit and look after parties.");
  declare(party, runtime, [
    {
      usage: "register",
      summary: "Register the party of your key. It acts once a registrar has admitted it.",
      options: [
        ["--party <id>", "统一社会信用代码, or a URN such as urn:uuid:… (default: as the key file says)"],
        ["--name <name>", "name of the organisation; persons give none"],
        ["--kind <kind>", "org, person or foreign (default: org)"],
        ["--roles <roles>", `of ${ROLES.join(", ")} (default: holder,user)`],
        ["--jurisdiction <code>", "CN, or a region such as 440300 (default: the profile's, else CN)"],
        ["--home <msp>", "organisation that hosts the party (default: the gateway's)"],
        ["--head <name>", "who answers for the party; committed to, never public"],
        ["--head-title <title>", "that person's office (default: responsible head)"],
        ["--hosted", "the key is held by the host, not by the party itself"],
      ],
      examples: [
        'party register --key bank.jwk --party 91440300MAQJ0001XF --name "Example Bank" --head "Li Lei"',
        "party register --key me.jwk --kind person",
      ],
      run: register,
    },
    {
      usage: "admit <party>",
      summary: "Admit a registered party (registrar or regulator).",
      options: [["--roles <roles>", "roles to give (default: those that it asked for)"]],
      examples: ["party admit 91440300MAQJ0001XF --key data/keys/regulator.jwk"],
      run: async (context, [id = ""], options) => {
        const client = await context.client();
        return sentResult(await client.parties.admit(id, rolesOf(options)), { party: id, state: "active" });
      },
    },
    {
      usage: "rotate-key",
      summary: "Add a key to your party, signed by the present one.",
      options: [
        ["--new <file>", "key file of the new key (quanji keys new)"],
        ["--retire", "end the present key with it"],
        ["--purpose <purpose>", "act, recovery, tally or escrow (default: act)"],
        ["--until <time>", "when the new key ends"],
      ],
      examples: ["party rotate-key --key bank.jwk --new bank-2027.jwk --retire"],
      run: rotateKey,
    },
  ]);
}

async function register(context: Context, _args: readonly string[], options: Options) {
  const file = await context.keyPath();
  const key = await context.key();
  const kind = options.oneOf("kind", "--kind", ["org", "person", "foreign"] as const) ?? "org";
  const typed = options.text("party");
  const party = typed === undefined ? (key.party ?? personalId(context, kind)) : toPartyId(typed, "--party");
  const pair: PartyKeyPair = { jwk: key.jwk, party };
  const client = await context.connect(pair);
  const { profile } = await context.profile();
  const head = options.text("head");
  const name = options.text("name");
  const home = options.text("home");
  const sent = await client.parties.register({
    kind,
    roles: rolesOf(options) ?? ["holder", "user"],
    jurisdiction: options.text("jurisdiction") ?? profile.jurisdiction ?? "CN",
    custody: options.flag("hosted") ? "hosted" : "self",
    ...(name !== undefined && { name }),
    ...(home !== undefined && { home }),
    ...(head !== undefined && {
      responsibleHead: { name: head, title: options.text("headTitle") ?? "responsible head" },
    }),
  });
  if (key.party !== party) await rewrite(context, file, pair);
  const next = `next: ask the registrar to admit you: quanji party admit ${party} --key REGISTRAR.jwk`;
  return sentResult(sent, { party, state: "pending" }, [next]);
}

function personalId({ io }: Context, kind: string): string {
  if (kind === "person") return `urn:uuid:${uuid(io.random)}`;
  throw new UsageError("which party? give --party: its 统一社会信用代码, or a URN");
}

/** The key file then says whose key it is. */
async function rewrite(context: Context, file: string, pair: PartyKeyPair): Promise<void> {
  const passphrase = context.passphrase();
  await writeKeyFile(file, pair, { replace: true, ...(passphrase !== undefined && { passphrase }) });
}

async function rotateKey(context: Context, _args: readonly string[], options: Options) {
  const file = context.path(options.required("new", "--new"));
  const until = options.text("until");
  const purpose = options.oneOf("purpose", "--purpose", KEY_PURPOSES);
  const present = await context.key();
  const next = await openKeyFile(file, context.passphrase());
  const client = await context.client();
  const pair = { jwk: next.jwk, party: client.party };
  const sent = await client.parties.rotateKey(await openSigner(pair), {
    ...(options.flag("retire") && { retire: thumbprint(publicOf(present.jwk)) }),
    ...(until !== undefined && { until: toInstant(until, "--until") }),
    ...(purpose !== undefined && { purpose }),
  });
  await rewrite(context, file, pair);
  return sentResult(sent, { party: client.party, thumbprint: thumbprint(publicOf(next.jwk)) });
}
