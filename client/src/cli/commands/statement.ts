import { createHash } from "node:crypto";
import { type Command } from "commander";
import {
  Amount,
  CodeName,
  Currency,
  Digest,
  Month,
  payableOf,
  type Statement,
  type StatementLine,
  Uuid,
} from "@quanji/chaincode/domain";
import type { z } from "zod";
import { major } from "../../documents/index.js";
import type { AdjustInput, HandedTrail, NamedPlace, ReckonedStatement, StatementView } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { assertReadable } from "../files.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result, table } from "../output.js";
import { declare, group, type Runtime } from "../program.js";
import { chunksOf } from "../trail-file.js";
import { sentResult } from "./send.js";

const GROUND = ["--ground <text>", "why; committed to, never public"] as const;
const TRAIL = [
  "--trail <file>...",
  "a trail that you may not read yourself, from who may: of the resource, for its source's tallies, or of a grant that weighs the split",
] as const;
const DELIVERY = ["--delivery <place>...", "its log and index, such as quanji.example/demo/holder/0#17"] as const;

export function statementCommands(program: Command, runtime: Runtime): void {
  const statements = group(
    program,
    runtime,
    "statement",
    "What a contract's month comes to: reckon, close, dispute, adjust.",
  );
  declare(statements, runtime, [
    {
      usage: "reckon <contract> <month>",
      summary:
        "Compute the month's statement from its evidence, which is verified against the trust file, and compare it with the one that is closed.",
      options: [TRAIL],
      examples: [
        "statement reckon 0b0f2c52-… 2026-03 --trust data/trust.json",
        "statement reckon 0b0f2c52-… 2026-03 --trust data/trust.json --trail eta.trail.ndjson",
      ],
      run: reckon,
    },
    {
      usage: "close <contract> <month>",
      summary: "Reckon the month and sign its statement: for the contract's exchange, or its seller.",
      options: [TRAIL],
      examples: ["statement close 0b0f2c52-… 2026-03 --trust data/trust.json"],
      run: close,
    },
    {
      usage: "show <contract> <month>",
      summary: "The statement as it stands: lines, split, disputes, adjustments, what is due.",
      examples: ["statement show 0b0f2c52-… 2026-03"],
      run: show,
    },
    {
      usage: "dispute <contract> <month>",
      summary: "Dispute deliveries of a statement: for who pays, who sells, and who has a portion.",
      options: [
        DELIVERY,
        ["--evidence <file>...", "what shows it: only its SHA-256 is sent; or such a digest itself"],
        GROUND,
      ],
      examples: [
        "statement dispute 0b0f2c52-… 2026-03 --delivery quanji.example/demo/holder/0#17 --evidence package.bin",
      ],
      run: dispute,
    },
    {
      usage: "adjust <contract> <month>",
      summary:
        "Answer a dispute, take deliveries back, bill what was held, or assign what waits in suspense; the amount is reckoned from the evidence.",
      options: [
        ["--dispute <id>", "the dispute that is answered: its deliveries are taken back"],
        ["--dismiss", "the dispute is answered, and nothing is taken back"],
        ["--release", "the deliveries named were held, and their counterpart is there"],
        ["--assign", "what waits in suspense goes to its parties, by the months' weights that the rule takes"],
        DELIVERY,
        ["--credit-note <code>", "where an invoice stands: code of its credit note"],
        ["--digest <digest>", "digest of that credit note"],
        GROUND,
      ],
      examples: [
        "statement adjust 0b0f2c52-… 2026-03 --dispute 6b1c…",
        "statement adjust 0b0f2c52-… 2026-03 --dispute 6b1c… --dismiss",
        "statement adjust 0b0f2c52-… 2026-03 --release --delivery quanji.example/demo/holder/0#17",
        "statement adjust 0b0f2c52-… 2026-03 --assign",
      ],
      run: adjust,
    },
  ]);
}

export function indicatorCommands(program: Command, runtime: Runtime): void {
  declare(group(program, runtime, "indicator", "Figures that a tariff pays by."), runtime, [
    {
      usage: "sign <contract> <month> <figure>",
      summary:
        "Sign the month's figure, as the contract's measurer, once the month is over and before its statement closes.",
      examples: ["indicator sign 0b0f2c52-… 2026-03 uptime=9950"],
      run: async (context, [contract = "", month = "", figure = ""]) => {
        const [name = "", value = ""] = figure.split("=");
        const named = { contract: toContract(contract), month: toMonth(month) };
        assertForm(CodeName, name, "a figure looks like uptime=9950, not " + figure);
        assertForm(Amount, value, "a figure looks like uptime=9950, not " + figure);
        const client = await context.client();
        const sent = await client.statements.signIndicator(named.contract, named.month, name, value);
        return sentResult(sent, { ...named, indicator: name, value });
      },
    },
  ]);
}

export function booksCommands(program: Command, runtime: Runtime): void {
  declare(group(program, runtime, "books", "What parties are owed and owe, by month and currency."), runtime, [
    {
      usage: "show <month> <currency>",
      summary: "Accounts that are not at 0: all for the regulator and an exchange, your own otherwise.",
      examples: ["books show 2026-03 CNY"],
      run: async (context, [month = "", currency = ""]) => {
        const [period, unit] = [toMonth(month), toCurrency(currency)];
        const books = await (await context.client()).books.get(period, unit);
        const rows = books.accounts.map(({ party, balance }) => [party, major(balance, unit)]);
        const waiting = (books.suspense ?? []).map(({ contract, amount }) => [
          `suspense of ${contract}`,
          major(amount, unit),
        ]);
        return {
          json: { ...books },
          text: `${pairs({ period, currency: unit, state: books.state })}\n${table(["party", `balance ${unit}`], [...rows, ...waiting])}`,
        };
      },
    },
    {
      usage: "close <month> <currency>",
      summary:
        "Net the month: one transfer a party brings every account to 0, and the month takes no more entries. For the regulator and an exchange.",
      examples: ["books close 2026-03 CNY"],
      run: async (context, [month = "", currency = ""]) => {
        const [period, unit] = [toMonth(month), toCurrency(currency)];
        const { transfers, ...sent } = await (await context.client()).books.close(period, unit);
        const rows = transfers.map(({ party, amount }) => [
          party,
          amount.startsWith("-") ? "pays" : "gets",
          major(amount.replace("-", ""), unit),
        ]);
        const result = sentResult(sent, { period, currency: unit });
        return {
          json: { ...result.json, transfers },
          text: `${table(["party", "transfer", unit], rows)}\n${String(result.text)}`,
        };
      },
    },
  ]);
}

async function reckon(context: Context, [id = "", text = ""]: readonly string[], options: Options): Promise<Result> {
  const [contract, month] = [toContract(id), toMonth(text)];
  const trails = await trailsOf(context, options);
  const reckoned = await (await context.client()).statements.reckon(contract, month, { trails });
  const { closed, differs = [] } = reckoned;
  const ok = differs.length === 0;
  const notes = [
    ...(reckoned.verified ? [] : ["nothing was verified: give --trust FILE"]),
    ...(reckoned.attested.length === 0 ? [] : [`taken from the closed statement: ${reckoned.attested.join(", ")}`]),
    ...(reckoned.withheld === undefined
      ? []
      : [`not shown to a payee: ${reckoned.withheld} commands, said to be on other months`]),
    ...(closed === undefined ? ["the month has no statement yet"] : []),
    ...(ok ? [] : [`TOTAL_MISMATCH: the closed statement differs in ${differs.join(", ")}`]),
  ];
  const { closed: _closed, ...json } = reckoned;
  return {
    json: { ok, ...(ok ? {} : { code: "TOTAL_MISMATCH" }), ...json, isClosed: closed !== undefined },
    text: reckonedText(reckoned),
    notes,
    exitCode: ok ? 0 : 1,
  };
}

async function close(context: Context, [id = "", text = ""]: readonly string[], options: Options): Promise<Result> {
  const [contract, month] = [toContract(id), toMonth(text)];
  const trails = await trailsOf(context, options);
  const { statements } = await context.client();
  const reckoned = await statements.reckon(contract, month, { trails });
  const { total, ...sent } = await statements.close(contract, month, reckoned);
  const notes = reckoned.verified ? [] : ["the evidence was not verified: give --trust FILE"];
  const result = sentResult(sent, { contract, month }, notes);
  return {
    ...result,
    json: { ...result.json, total, currency: reckoned.currency },
    text: `${reckonedText(reckoned)}\n${String(result.text)}`,
  };
}

/** Errors: usage, of a file that is not there. */
async function trailsOf(context: Context, options: Options): Promise<readonly HandedTrail[]> {
  const paths = options.many("trail").map((file) => context.path(file));
  for (const path of paths) await assertReadable(path);
  return paths.map((path) => () => chunksOf(path));
}

async function show(context: Context, [id = "", text = ""]: readonly string[]): Promise<Result> {
  const [contract, month] = [toContract(id), toMonth(text)];
  const statement = await (await context.client()).statements.get(contract, month);
  return { json: { ...statement }, text: statementText(statement) };
}

async function dispute(context: Context, [id = "", text = ""]: readonly string[], options: Options): Promise<Result> {
  const [contract, month] = [toContract(id), toMonth(text)];
  const deliveries = placesOf(options);
  if (deliveries.length === 0) throw new UsageError("--delivery is needed: which deliveries are disputed?");
  const shown = options.many("evidence");
  if (shown.length === 0) throw new UsageError("--evidence is needed: what shows it?");
  const evidence: string[] = [];
  for (const each of shown) evidence.push(Digest.safeParse(each).success ? each : await digestOf(context, each));
  const ground = options.text("ground");
  const { statements } = await context.client();
  const input = { deliveries, evidence, ...(ground !== undefined && { ground }) };
  const { dispute: made, ...sent } = await statements.dispute(contract, month, input);
  return sentResult(sent, { contract, month, dispute: made });
}

async function adjust(context: Context, [id = "", text = ""]: readonly string[], options: Options): Promise<Result> {
  const [contract, month] = [toContract(id), toMonth(text)];
  const input = adjustInputOf(options);
  const { statements } = await context.client();
  const { adjustment, amount, currency, ...sent } = await statements.adjust(contract, month, input);
  const result = sentResult(sent, { contract, month, adjustment, amount: `${major(amount, currency)} ${currency}` });
  return { ...result, json: { ...result.json, amount, currency } };
}

/** Errors: usage, where the flags contradict each other. */
function adjustInputOf(options: Options): AdjustInput {
  const [dispute, ground] = [options.text("dispute"), options.text("ground")];
  const deliveries = placesOf(options);
  const kind = adjustKindOf(options, dispute);
  if (kind === "assign" && deliveries.length > 0) {
    throw new UsageError("--assign is without --delivery: what waits is assigned, whatever was delivered");
  }
  if (kind !== "dismiss" && kind !== "assign" && dispute === undefined && deliveries.length === 0) {
    throw new UsageError("--dispute or --delivery is needed: what is taken back or released?");
  }
  const creditNote = creditNoteOf(options);
  return {
    kind,
    ...(dispute !== undefined && { dispute }),
    ...(deliveries.length > 0 && { deliveries }),
    ...(creditNote !== undefined && { creditNote }),
    ...(ground !== undefined && { ground }),
  };
}

function adjustKindOf(options: Options, dispute: string | undefined): AdjustInput["kind"] {
  const [kind = "withdraw", ...others] = (["dismiss", "release", "assign"] as const).filter((name) =>
    options.flag(name),
  );
  if (others.length > 0)
    throw new UsageError(`one of --dismiss, --release and --assign, not --${kind} --${others.join(" --")}`);
  if (kind === "dismiss" && dispute === undefined) throw new UsageError("--dismiss needs --dispute");
  if ((kind === "release" || kind === "assign") && dispute !== undefined) {
    throw new UsageError(`--${kind} is without --dispute: what was held is billed, and what waits is assigned`);
  }
  return kind;
}

function creditNoteOf(options: Options): { readonly code: string; readonly digest: string } | undefined {
  const [code, digest] = [options.text("creditNote"), options.text("digest")];
  if (code === undefined && digest === undefined) return undefined;
  if (code === undefined || digest === undefined) throw new UsageError("--credit-note and --digest go together");
  return { code, digest };
}

/** `log#index` */
function placesOf(options: Options): NamedPlace[] {
  return options.many("delivery").map((text) => {
    const [, log = "", index = ""] = /^([^#]+)#(\d{1,15})$/.exec(text) ?? [];
    if (log === "")
      throw new UsageError(`a delivery is its log and index, such as quanji.example/demo/holder/0#17, not ${text}`);
    return { log, index: Number(index) };
  });
}

const digestOf = async (context: Context, file: string): Promise<string> =>
  createHash("sha256")
    .update(await context.read(context.path(file)))
    .digest("base64url");

function assertForm(schema: z.ZodType, text: string, message: string): void {
  if (!schema.safeParse(text).success) throw new UsageError(message);
}

function toContract(text: string): string {
  assertForm(Uuid, text, `a contract's id is a UUID, not ${text}`);
  return text;
}

function toMonth(text: string): string {
  assertForm(Month, text, `a month looks like 2026-03, not ${text}`);
  return text;
}

function toCurrency(text: string): string {
  assertForm(Currency, text, `a currency looks like CNY, not ${text}`);
  return text;
}

const lineCells = (line: StatementLine): readonly unknown[] => {
  switch (line.kind) {
    case "tier":
      return [`tier ${line.tier}`, line.quantity, line.deliveries];
    case "free":
      return ["free", line.quantity, line.deliveries];
    case "discount":
      return [`discount ${line.bps} bps`, "", ""];
    case "minimum":
      return ["minimum", "", ""];
    case "performance":
      return [`${line.indicator} ${line.value}`, "", ""];
  }
};

const linesText = (lines: readonly StatementLine[], currency: string): string =>
  table(
    ["line", "quantity", "deliveries", `amount ${currency}`],
    lines.map((line) => [...lineCells(line), major(line.amount, currency)]),
  );

function reckonedText({ contract, period, tariff, currency, lines, held, total, verified }: ReckonedStatement): string {
  const waiting = held.map((line) => `held for ${line.for}: ${line.deliveries} deliveries, ${line.quantity} units`);
  const head = pairs({ contract, month: period, tariff, currency, verified });
  return [head, linesText(lines, currency), ...waiting, pairs({ total: `${major(total, currency)} ${currency}` })].join(
    "\n",
  );
}

function statementText(statement: StatementView): string {
  const { contract, period, currency, seller, buyer, amount, portions, adjustments } = statement;
  // A payee's view has no lines.
  const { lines = [], disputes = [], invoice, held = [] } = statement as Partial<Statement>;
  const waits = [statement, ...adjustments].reduce(
    (sum, { suspense }: { readonly suspense?: string }) => sum + BigInt(suspense ?? 0),
    0n,
  );
  const money = (minor: string | bigint): string => `${major(minor, currency)} ${currency}`;
  const split = portions.map(({ party, amount: part }) => [party, money(part)]);
  const changes = adjustments.map((each) => [each.id, each.kind, money(each.amount)]);
  const assigned = adjustments
    .filter(({ kind }) => kind === "assign")
    .flatMap((each) => each.portions.map(({ party, amount: part }) => [party, money(part)]));
  return [
    pairs({ contract, month: period, seller, buyer, currency, disputable: `until ${statement.disputeUntil}` }),
    ...(lines.length > 0 ? [linesText(lines, currency)] : []),
    ...held.map((line) => `held for ${line.for}: ${line.deliveries} deliveries, ${line.quantity} units`),
    pairs({ total: money(amount) }),
    table(["party", "portion"], split),
    ...(assigned.length > 0 ? [table(["party", "assigned since"], assigned)] : []),
    ...(waits === 0n ? [] : [pairs({ "waits for weights": money(waits) })]),
    ...(disputes.length > 0
      ? [
          table(
            ["dispute", "by", "state"],
            disputes.map(({ id, by, state }) => [id, by, state]),
          ),
        ]
      : []),
    ...(changes.length > 0 ? [table(["adjustment", "kind", "amount"], changes)] : []),
    pairs({ due: money(payableOf(statement)), invoice: invoice?.code, settled: invoice?.settled?.time }),
  ].join("\n");
}
