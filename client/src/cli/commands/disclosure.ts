import { type Command } from "commander";
import { LEVELS } from "@quanji/chaincode/domain";
import type { BuiltDisclosure } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { assertWritable } from "../files.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result, table } from "../output.js";
import { declare, group, type Runtime } from "../program.js";
import { save, show, verify } from "./document.js";
import { sentResult } from "./send.js";

export function disclosureCommands(program: Command, runtime: Runtime): void {
  declare(group(program, runtime, "disclosure", "Yearly disclosures 年度披露 of what an operator earned."), runtime, [
    {
      usage: "build <year>",
      summary: "The account of all that you closed of a year, from verified evidence; nothing is published.",
      options: [["--party <id>", "another's: for the regulator"]],
      examples: ["disclosure build 2026 --trust trust.json", "disclosure build 2026 --party 91330000MAQJ004317 --json"],
      run: build,
    },
    {
      usage: "publish <year>",
      summary: "Publish your account of a year that is over, once; run again, it makes the same file anew.",
      options: [["--out <file>", "where to keep it with what proves it"]],
      examples: ["disclosure publish 2026 --trust trust.json --out 2026.disclosure.ndjson"],
      run: publish,
    },
    {
      usage: "verify <file>",
      summary: "Verify a disclosure offline: every statement of the year counted, every figure made again.",
      options: [["--level <level>", `refuse evidence below it: ${LEVELS.join(", ")}`]],
      examples: ["disclosure verify 2026.disclosure.ndjson --trust trust.json"],
      run: verify,
    },
    {
      usage: "show <file>",
      summary: "What the file says, unverified. With --jwt the disclosure alone, as a compact JWS.",
      options: [["--jwt", "the document alone, as a compact JWS"]],
      examples: ["disclosure show 2026.disclosure.ndjson --json"],
      run: show,
    },
  ]);
}

function toYear(text: string): number {
  if (!/^[2-9][0-9]{3}$/.test(text)) throw new UsageError("a year has four digits: 2026");
  return Number(text);
}

async function build(context: Context, [given = ""]: readonly string[], options: Options): Promise<Result> {
  const year = toYear(given);
  const client = await context.client();
  const built = await client.disclosures.build(year, options.text("party"));
  const isOpen = built.published === undefined;
  return {
    json: { ...built },
    text: textOf(built),
    notes: isOpen ? ["not published: the code is drawn when it is"] : ["published: these are its figures"],
  };
}

function textOf({ disclosure, contracts, statements, asOf, published }: BuiltDisclosure): string {
  const { operator, year, products } = disclosure;
  const facts = { operator, year, contracts, statements, asOf, published: published?.code };
  const rows = products.map((product) => [
    product.resource,
    product.unit,
    product.quantity,
    product.free,
    product.deliveries,
    `${product.revenue} ${product.currency}`,
  ]);
  const head = ["resource", "unit", "quantity", "free", "deliveries", "revenue (minor)"];
  return `${pairs(facts)}\n${table(head, rows)}`;
}

async function publish(context: Context, [given = ""]: readonly string[], options: Options): Promise<Result> {
  const year = toYear(given);
  const out = options.required("out", "--out");
  await assertWritable(context, out, "--out");
  const client = await context.client();
  const { sent, jws, code, digest, contracts, statements } = await client.disclosures.publish(year);
  await save(context, client.disclosures.file(jws, year), out);
  const facts = { code, digest, year, contracts, statements, out };
  const notes = [`next: quanji disclosure verify ${out} --trust trust.json`];
  if (sent !== undefined) return sentResult(sent, facts, notes);
  return { json: facts, text: pairs(facts), notes: ["it was published before: the same file, made anew", ...notes] };
}
