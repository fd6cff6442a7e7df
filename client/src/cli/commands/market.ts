/** The market: attestations, price caps, offers, tariffs, contracts. */
import { type Command } from "commander";
import {
  ATTESTATION_KINDS,
  type AttestationKind,
  ContractTerms,
  type ContractVersion,
  GRADES,
  instant,
  monthBounds,
  Month,
  Price,
  ResourceVersionId,
  signatoriesOf,
  Tariff,
  TARIFF_UNITS,
  Currency,
} from "@quanji/chaincode/domain";
import { sha256, toBase64url } from "@quanji/chaincode/log";
import type { z } from "zod";
import { openVersion } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { readNamed } from "../files.js";
import { type Options, toInstant, toJson, toOneOf, toPartyId, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, group, type Runtime } from "../program.js";
import { sentResult } from "./send.js";

const GROUND = ["--ground <text>", "why; committed to, never public"] as const;
const KINDS = Object.keys(ATTESTATION_KINDS) as readonly AttestationKind[];
/** What takes effect does so no earlier than it is published, and publishing takes a moment. */
const SOON_MS = 10_000;

export function attestationCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "attest <subject>",
      summary: "State what an examination of a resource's version (res/x@1) has found: by whose office that is.",
      options: [
        ["--kind <kind>", KINDS.join(", ")],
        ["--result <result>", "pass or fail (default: pass)"],
        ["--report <file>", "the report; only its SHA-256 is published"],
        ["--level <grade>", `of a passed de-identification, the lowest grade that it allows: ${GRADES.join(", ")}`],
        ["--until <time>", "when it runs out"],
        ["--findings <text>", "committed to, never public"],
      ],
      examples: ["attest prd/route.eta@1 --kind deidentification --level general-1 --report report.pdf"],
      run: attest,
    },
  ]);
  const attestation = group(program, runtime, "attestation", "Look at attestations, withdraw your own.");
  declare(attestation, runtime, [
    {
      usage: "withdraw <id>",
      summary: "Withdraw an attestation: final.",
      options: [GROUND],
      examples: ['attestation withdraw 0b0f2c52-… --ground "the method is broken"'],
      run: async (context, [id = ""], options) => {
        const client = await context.client();
        return sentResult(await client.attestations.withdraw(id, options.text("ground")), {
          attestation: id,
          state: "withdrawn",
        });
      },
    },
    {
      usage: "show <id>",
      summary: "Show one attestation.",
      examples: ["attestation show 0b0f2c52-…"],
      run: async (context, [id = ""]) => shown(await (await context.client()).attestations.get(id)),
    },
  ]);
  const price = group(
    program,
    runtime,
    "price",
    "Price caps (上限收费标准): of a resource and of all that is made from it.",
  );
  declare(price, runtime, [
    {
      usage: "cap <resource>",
      summary: "Set what one unit may cost at most: by the resource's steward or the regulator.",
      options: [
        ["--amount <n>", "for one unit, in the currency's minor unit"],
        ["--unit <unit>", `${TARIFF_UNITS.join(", ")} (default: call)`],
        ["--currency <code>", "of ISO 4217 (default: CNY)"],
        ["--from <time>", "when it takes effect (default: in ten seconds)"],
      ],
      examples: ["price cap res/sim.scene --amount 130000 --key regulator.jwk"],
      run: cap,
    },
    {
      usage: "show <resource>",
      summary: "Show the price caps of a resource.",
      examples: ["price show res/sim.scene"],
      run: async (context, [id = ""]) =>
        shown((await (await context.client()).attestations.caps(id)) ?? { versions: [] }),
    },
  ]);
}

export function offerCommands(program: Command, runtime: Runtime): void {
  const offer = group(program, runtime, "offer", "Offer products at a tariff (挂牌).");
  declare(offer, runtime, [
    {
      usage: "list <resource>",
      summary: "Offer a product in which you hold the operating right, by its newest version.",
      options: [
        ["--tariff <file>", "JSON: unit, currency, tiers and so on; without a member from, it applies from now on"],
        ["--purpose <codes>", "purposes for which it is sold"],
        ["--exchange <party>", "the exchange; needed where a list says so"],
        ["--attestations <ids>", "attestations of this version"],
      ],
      examples: ["offer list prd/route.eta --tariff tariff.json --purpose navigation"],
      run: list,
    },
    {
      usage: "delist <id>",
      summary: "End an offer: contracts go on, and no further one is made by it.",
      options: [GROUND],
      examples: ["offer delist 0b0f2c52-…"],
      run: async (context, [id = ""], options) => {
        const client = await context.client();
        return sentResult(await client.offers.delist(id, options.text("ground")), { offer: id, state: "delisted" });
      },
    },
    {
      usage: "show <id>",
      summary: "Show one offer with its tariffs.",
      examples: ["offer show 0b0f2c52-…"],
      run: async (context, [id = ""]) => shown(await (await context.client()).offers.get(id)),
    },
  ]);
  const tariff = group(program, runtime, "tariff", "Tariffs (费率) of your offers.");
  declare(tariff, runtime, [
    {
      usage: "publish <offer> <file>",
      summary: "Publish an offer's next tariff: from the first instant of a month to come.",
      options: [["--from <month>", "that month, e.g. 2026-04 (default: what the file says)"]],
      examples: ["tariff publish 0b0f2c52-… tariff.json --from 2026-04"],
      run: publish,
    },
  ]);
}

export function contractCommands(program: Command, runtime: Runtime): void {
  const contract = group(program, runtime, "contract", "Contracts (合同): every party signs the same terms.");
  declare(contract, runtime, [
    {
      usage: "sign [id]",
      summary:
        "With --terms alone propose a contract, with --terms and an id a change of it; with an id alone sign what another party has proposed.",
      options: [
        ["--terms <file>", "JSON: offer, seller, buyer, exchange, grant, until, payees, disputeDays, counterparts"],
        ["--contract-version <n>", "with an id alone: the version that you have read"],
      ],
      examples: ["contract sign --terms terms.json", "contract sign 0b0f2c52-… --contract-version 1"],
      run: sign,
    },
    {
      usage: "terminate <id>",
      summary: "End a contract: what is delivered from now on is not billed by it.",
      options: [GROUND],
      examples: ["contract terminate 0b0f2c52-…"],
      run: async (context, [id = ""], options) => {
        const client = await context.client();
        return sentResult(await client.contracts.terminate(id, options.text("ground")), {
          contract: id,
          state: "terminated",
        });
      },
    },
    {
      usage: "show <id>",
      summary: "Show one contract: its versions, their terms, and who has signed.",
      examples: ["contract show 0b0f2c52-…"],
      run: async (context, [id = ""]) => shown(await (await context.client()).contracts.get(id)),
    },
    {
      usage: "ls",
      summary: "List the contracts that name you, and who of their parties has still to sign.",
      examples: ["contract ls"],
      run: contracts,
    },
  ]);
}

const shown = (found: object): Result => ({ json: { ...found }, text: JSON.stringify(found, null, 2) });

/** A value that was typed, or a file's content. Errors: usage, saying what it looks like. */
function typed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : ` (${issue.path.join(".")})`;
  throw new UsageError(`${what}${where}: ${issue?.message ?? "is not what is expected"}`);
}

async function read<T>(context: Context, file: string, schema: z.ZodType<T>, change: object = {}): Promise<T> {
  const json = toJson(await context.readText(file), file);
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new UsageError(`${file} holds no JSON object`);
  }
  return typed(schema, { ...json, ...change }, file);
}

async function attest(context: Context, [subject = ""]: readonly string[], options: Options): Promise<Result> {
  typed(ResourceVersionId, subject, "what is attested");
  const kind = toOneOf(options.required("kind", "--kind"), "--kind", KINDS);
  const result = toOneOf(options.text("result") ?? "pass", "--result", ["pass", "fail"] as const);
  const level = options.oneOf("level", "--level", GRADES);
  if ((level !== undefined) !== (kind === "deidentification" && result === "pass")) {
    throw new UsageError("--level belongs to a passed de-identification, and to nothing else");
  }
  const until = options.text("until");
  const end = until === undefined ? {} : { until: toInstant(until, "--until") };
  const report = toBase64url(sha256(await readNamed(context.path(options.required("report", "--report")))));
  const client = await context.client();
  const input = { kind, subject, result, report, ...end, ...(level !== undefined && { level }) };
  const { attestation, ...sent } = await client.attestations.attest(input, options.text("findings"));
  return sentResult(sent, { attestation, subject, kind, state: result === "pass" ? "valid" : "failed" });
}

async function cap(context: Context, [resource = ""]: readonly string[], options: Options): Promise<Result> {
  const amount = typed(Price, options.required("amount", "--amount"), "--amount");
  const unit = toOneOf(options.text("unit") ?? "call", "--unit", TARIFF_UNITS);
  const currency = typed(Currency, options.text("currency") ?? "CNY", "--currency");
  const at = options.text("from");
  const named = at === undefined ? undefined : toInstant(at, "--from");
  const client = await context.client();
  const from = named ?? instant(client.nowMs() + SOON_MS);
  const { version, ...sent } = await client.attestations.cap({ resource, unit, currency, amount, from });
  return sentResult(sent, { resource, version, unit, currency, amount, from });
}

const UndatedTariff = Tariff.partial({ from: true });

async function list(context: Context, [resource = ""]: readonly string[], options: Options): Promise<Result> {
  const purposes = options.list("purpose") ?? [];
  if (purposes.length === 0) throw new UsageError("for which purposes? give --purpose");
  // The network says what time it is: until it is known, any stands for it.
  const { from, ...rest } = await read(context, options.required("tariff", "--tariff"), UndatedTariff);
  const at = options.text("exchange");
  const exchange = at === undefined ? {} : { exchange: toPartyId(at, "--exchange") };
  const attestations = options.list("attestations") ?? [];
  const client = await context.client();
  const tariff = { ...rest, from: from ?? instant(client.nowMs()) };
  const { offer, ...sent } = await client.offers.offer({ resource, purposes, attestations, tariff, ...exchange });
  return sentResult(sent, { offer, resource, state: "listed" });
}

async function publish(
  context: Context,
  [offer = "", file = ""]: readonly string[],
  options: Options,
): Promise<Result> {
  const from = options.text("from");
  const month = from === undefined ? undefined : typed(Month, from, "--from");
  // Which instant a month begins at, the network's time zone says: until it is known, any stands for it.
  const placeholder = month === undefined ? {} : { from: `${month}-01T00:00:00.000Z` };
  const tariff = await read(context, file, Tariff, placeholder);
  const client = await context.client();
  const begins = month === undefined ? tariff.from : instant(monthBounds(month, client.network.timeZone).fromMs);
  const { version, ...sent } = await client.offers.publishTariff(offer, { ...tariff, from: begins });
  return sentResult(sent, { offer, version, from: begins });
}

async function sign(context: Context, [id = ""]: readonly string[], options: Options): Promise<Result> {
  const file = options.text("terms");
  const version = options.count("contractVersion", "--contract-version");
  if (file === undefined && id === "") throw new UsageError("sign what? give --terms, or the id of what was proposed");
  if (file !== undefined && version !== undefined) {
    throw new UsageError("--contract-version goes with an id alone: a change is the next version");
  }
  const terms = file === undefined ? undefined : await read(context, file, ContractTerms);
  const client = await context.client();
  const sent =
    terms === undefined
      ? await client.contracts.countersign(id, version)
      : id === ""
        ? await client.contracts.propose(terms)
        : await client.contracts.change(id, terms);
  const { contract, version: signed, ...rest } = sent;
  const known = await client.contracts.get(contract);
  const open = openVersion(known);
  const waiting = open === undefined ? [] : missing(open);
  return sentResult(
    rest,
    { contract, version: signed, state: known.state },
    waiting.length === 0 ? [] : [`next: ${waiting.join(", ")} sign: quanji contract sign ${contract}`],
  );
}

const missing = ({ terms, signatures }: ContractVersion): readonly string[] =>
  signatoriesOf(terms).filter((party) => signatures.every((signed) => signed.party !== party));

async function contracts(context: Context): Promise<Result> {
  const client = await context.client();
  const items = [];
  const lines = [];
  for await (const contract of client.contracts.all()) {
    const open = openVersion(contract);
    const terms = contract.versions.at(-1)?.terms;
    items.push(contract);
    lines.push(
      pairs({
        contract: contract.id,
        state: contract.state,
        seller: terms?.seller,
        buyer: terms?.buyer,
        until: terms?.until,
        unsigned: open === undefined ? [] : missing(open),
      }),
    );
  }
  return { json: { items }, text: lines.join("\n\n") };
}
