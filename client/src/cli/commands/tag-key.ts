import { type Command } from "commander";
import { Quarter } from "@quanji/chaincode/domain";
import { toBase64url } from "@quanji/chaincode/log";
import { findTagKeys, readTagKeys, type TagKeyRing, tagOf, withNewTagKey, writeTagKeys } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { openKeyFile } from "../files.js";
import { type Options, toPartyId, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, group, type Runtime } from "../program.js";
import { sentResult } from "./send.js";

const KEYS = ["--keys <file>", "file of the steward's tag keys, readable by its owner alone"] as const;
const QUARTER = ["--quarter <quarter>", "such as 2026Q4, in the network's time zone"] as const;

export function tagKeyCommands(program: Command, runtime: Runtime): void {
  const tagKey = group(program, runtime, "tag-key", "Keys for the tags of data subjects: one a steward and quarter.");
  declare(tagKey, runtime, [
    {
      usage: "make",
      summary: "Make the key of a quarter, in a new file or in one that has keys of other quarters.",
      options: [KEYS, QUARTER],
      examples: ["tag-key make --key bureau.jwk --keys bureau.tags.json --quarter 2026Q4"],
      run: make,
    },
    {
      usage: "register",
      summary: "Register a quarter's key: its commitment for all, the key itself sealed to the regulator.",
      options: [KEYS, QUARTER, ["--regulator <party>", "to whom it is sealed (default: the first with an escrow key)"]],
      examples: ["tag-key register --key bureau.jwk --keys bureau.tags.json --quarter 2026Q4"],
      run: register,
    },
    {
      usage: "tag <identifier...>",
      summary: "The tags of persons or organisations in a quarter: what accesses to their data name.",
      options: [KEYS, QUARTER],
      examples: ["tag-key tag 510100199001011234 --keys bureau.tags.json --quarter 2026Q4"],
      run: tags,
    },
    {
      usage: "open <steward>",
      summary: "Take a steward's key out of escrow (regulator). That it is opened, and why, is recorded first.",
      options: [
        KEYS,
        QUARTER,
        ["--escrow-key <file>", "key file that it is sealed to"],
        ["--ground <text>", "why; committed to, never public"],
      ],
      examples: [
        'tag-key open 11510100MBQJ006115 --quarter 2026Q4 --escrow-key escrow.jwk --ground "sample 12" --keys sample.json',
      ],
      run: open,
    },
  ]);
}

const fileOf = (context: Context, options: Options): string => context.path(options.required("keys", "--keys"));

function quarterOf(options: Options): string {
  const quarter = options.required("quarter", "--quarter");
  if (!Quarter.safeParse(quarter).success) throw new UsageError("--quarter looks like 2026Q4");
  return quarter;
}

async function make(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const [file, quarter] = [fileOf(context, options), quarterOf(options)];
  const client = await context.client();
  const fresh: TagKeyRing = { net: client.network.net, party: client.party, keys: {} };
  const ring = withNewTagKey((await findTagKeys(file)) ?? fresh, quarter, context.io.random);
  await writeTagKeys(file, ring);
  const shown = { file, party: ring.party, quarters: Object.keys(ring.keys).sort() };
  return {
    json: shown,
    text: pairs(shown),
    notes: [`keep ${file} safe: who has it can tell whom records are about`, "next: quanji tag-key register"],
  };
}

async function register(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const quarter = quarterOf(options);
  const ring = await readTagKeys(fileOf(context, options));
  const regulator = options.text("regulator");
  const client = await context.client();
  const named = regulator === undefined ? undefined : toPartyId(regulator, "--regulator");
  return sentResult(await client.tagKeys.register(ring, quarter, named), { party: client.party, quarter });
}

async function tags(context: Context, identifiers: readonly string[], options: Options): Promise<Result> {
  const quarter = quarterOf(options);
  const ring = await readTagKeys(fileOf(context, options));
  const made = identifiers.map((identifier) => tagOf(ring, quarter, identifier));
  return { json: { quarter, tags: made }, text: made.join("\n") };
}

async function open(context: Context, [steward = ""]: readonly string[], options: Options): Promise<Result> {
  const [file, quarter] = [fileOf(context, options), quarterOf(options)];
  const party = toPartyId(steward, "the steward");
  const ground = options.required("ground", "--ground");
  const escrow = await openKeyFile(context.path(options.required("escrowKey", "--escrow-key")), context.passphrase());
  const client = await context.client();
  const { net } = client.network;
  const before = (await findTagKeys(file)) ?? { net, party, keys: {} };
  if (before.party !== party || before.net !== net) throw new UsageError(`${file} holds another steward's keys`);
  const key = await client.tagKeys.open(party, quarter, ground, escrow);
  await writeTagKeys(file, { ...before, keys: { ...before.keys, [quarter]: toBase64url(key) } });
  const shown = { steward: party, quarter, file };
  return { json: shown, text: pairs(shown), notes: [`recorded: the key was opened; destroy ${file} after use`] };
}
