import { type Command } from "commander";
import { ERASABLE, ERASURE_BASES, instant, splitVersion } from "@quanji/chaincode/domain";
import type { KeptRecord, SentErasure } from "../../sdk/erasures.js";
import type { Context } from "../context.js";
import { type Options, toCount, toOneOf, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, type Runtime } from "../program.js";

const GROUND = ["--ground <text>", "why; committed to, never public"] as const;

export function eraseCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "erase <request>",
      summary: "Erase what an access committed to: who operated, what was asked. Its record and every proof stay.",
      options: [
        ["--fields <fields>", `of ${ERASABLE.join(", ")} (default: operator)`],
        ["--basis <basis>", `one of ${ERASURE_BASES.join(", ")} (default: request)`],
        GROUND,
      ],
      examples: ['erase 6sZ1Qk… --fields operator,query --ground "asked for on 3 May"'],
      run: erase,
    },
    {
      usage: "retention <resource>",
      summary:
        "Erase what accesses of a resource committed to, where they are older than so many days: for its steward and the regulator. Says how much that is, and asks. Run it as often as you like, e.g. each night, then with --yes.",
      options: [
        ["--days <n>", "how long it is kept; 0: erase everything"],
        ["--dry-run", "only say what would be erased"],
        ["--yes", "erase without asking; needed where nobody sits at the keyboard"],
        GROUND,
      ],
      examples: [
        'retention res/weather.daily --days 180 --yes --ground "rule 7 of the bureau"',
        "retention res/weather.daily --days 180 --dry-run --json",
      ],
      run: retention,
    },
  ]);
}

async function erase(context: Context, [request = ""]: readonly string[], options: Options): Promise<Result> {
  const fields = (options.list("fields") ?? ["operator"]).map((field) => toOneOf(field, "--fields", ERASABLE));
  const basis = toOneOf(options.text("basis") ?? "request", "--basis", ERASURE_BASES);
  const client = await context.client();
  const { record } = (await client.receipt(request)).access;
  if (record.type !== "access") throw new UsageError("give the request of an access: nothing else commits to anything");
  const { id, resource, time } = record.body;
  const one: KeptRecord = { log: record.face.log, index: record.face.index, id, time, fields };
  const sent = await all(client.erasures.erase(splitVersion(resource).id, [one], basis, options.text("ground")));
  return told(sent, { request });
}

async function retention(context: Context, [resource = ""]: readonly string[], options: Options): Promise<Result> {
  const days = toCount(options.required("days", "--days"), "--days");
  const client = await context.client();
  const before = instant(client.nowMs() - days * 86_400_000);
  const kept = await all(client.erasures.kept(resource, before));
  const fields = kept.reduce((sum, one) => sum + one.fields.length, 0);
  const facts = { resource, before, records: kept.length, fields };
  if (options.flag("dryRun")) {
    return { json: facts, text: pairs(facts), notes: ["nothing was erased: this was a dry run"] };
  }
  if (kept.length > 0 && !options.flag("yes")) await confirm(context, facts);
  // What was counted is what is erased, however long the answer took.
  return told(await all(client.erasures.erase(resource, kept, "retention", options.text("ground"))), {
    resource,
    before,
  });
}

/** Errors: usage, where nobody can be asked or somebody says no. */
async function confirm(
  { io }: Context,
  { resource, before, records, fields }: { resource: string; before: string; records: number; fields: number },
): Promise<void> {
  const what = `records: ${records}, fields: ${fields}, of accesses of ${resource} before ${before}`;
  if (io.ask === undefined) {
    throw new UsageError(
      `this would erase for ever (${what}), and nobody is here to ask: --yes erases, --dry-run does not`,
    );
  }
  const answer = await io.ask(`${what}\nWhat is erased does not come back. Type yes to erase: `);
  if (answer.trim() !== "yes") throw new UsageError("not confirmed: nothing was erased");
}

/** What was done, a command with its place on the ledger. */
function told(sent: readonly SentErasure[], of: Readonly<Record<string, string>>): Result {
  const sum = (count: (one: SentErasure) => number): number => sent.reduce((total, one) => total + count(one), 0);
  const facts = {
    ...of,
    records: sum(({ records }) => records),
    fields: sum(({ fields }) => fields),
    commands: sent.length,
  };
  const commands = sent.map(({ request, block, log, records, fields }) => ({ request, block, log, records, fields }));
  return { json: { ...facts, erased: commands }, text: pairs(facts) };
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
