import { readFile } from "node:fs/promises";
import { dirname, basename } from "node:path";
import { type Command } from "commander";
import { QuanjiError } from "@quanji/chaincode/domain";
import { DEADLINES, replaceFile } from "../../sdk/index.js";
import { exchange } from "../../sdk/transport.js";
import { type OpenedTrust, openTrust } from "../../verify/index.js";
import type { Context } from "../context.js";
import { UsageError } from "../options.js";
import { pairs } from "../output.js";
import { declare, group, type Runtime } from "../program.js";

export function trustCommands(program: Command, runtime: Runtime): void {
  const trust = group(program, runtime, "trust", "Fetch and look at trust files: what evidence is verified against.");
  declare(trust, runtime, [
    {
      usage: "fetch <url>",
      summary: "Fetch a network's trust file, and store it once you have confirmed its digest.",
      options: [
        [
          "--digest <digest>",
          "the digest, as you learned it another way: by letter, by telephone, from the regulator's site",
        ],
        ["--out <file>", "where to store it (default: --trust, or trust.json)"],
      ],
      examples: [
        "trust fetch http://127.0.0.1:8080",
        "trust fetch https://gateway.example --digest 6sZ1… --out trust.json",
      ],
      run: async (context, [url = ""], options) => {
        const out = context.path(options.text("out") ?? (await context.trustPath()) ?? "trust.json");
        const text = await download(context, url);
        const digest = options.text("digest");
        const stored = await existing(context, out);
        const now = context.io.clock();
        const newest = await openTrust(text, { now, ...(digest !== undefined && { digest }) });
        const previous = stored === undefined ? undefined : await followed(context, url, stored, newest);
        const opened = previous === undefined ? newest : await openTrust(text, { now, previous });
        const known = digest !== undefined || previous !== undefined;
        if (!known) await confirm(context, opened);
        await replaceFile(dirname(out), basename(out), text);
        return { ...shown(opened, out), notes: [`stored as ${out}`] };
      },
    },
    {
      usage: "show <file>",
      summary: "Show what a trust file says, and its digest.",
      examples: ["trust show trust.json"],
      run: async (context, [file = ""]) => shown(await context.openTrust(context.path(file)), file),
    },
  ]);
}

async function download(context: Context, url: string): Promise<string> {
  let base: URL;
  try {
    base = new URL(url);
  } catch {
    throw new UsageError("the URL of a gateway looks like https://gateway.example");
  }
  const target = base.pathname === "/" ? `${base.origin}/v1/trust.json` : url;
  const reply = await exchange(context.io.fetch, { url: target, method: "GET" }, DEADLINES);
  const text = await reply.text();
  if (reply.status === 200) return text;
  throw new QuanjiError("UNREACHABLE", `${target} answered ${reply.status}: no trust file there`);
}

/** A file in use vouches for its successor; without one the digest must come another way. */
async function existing(context: Context, path: string): Promise<OpenedTrust | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : openTrust(text, { now: context.io.clock() });
}

/** The version before the newest, by way of all between: each vouches for the next. */
async function followed(context: Context, url: string, stored: OpenedTrust, newest: OpenedTrust): Promise<OpenedTrust> {
  let previous = stored;
  while (previous.trust.version + 1 < newest.trust.version) {
    const text = await download(context, `${new URL(url).origin}/v1/trust/${previous.trust.version + 1}`);
    previous = await openTrust(text, { now: context.io.clock(), previous });
  }
  return previous;
}

async function confirm({ io }: Context, { digest, trust }: OpenedTrust): Promise<void> {
  const question = `network ${trust.net}\ndigest  ${digest}\nIs this the digest that you were told another way? Type yes to store the file: `;
  if (io.ask === undefined) {
    throw new UsageError(
      `nothing was stored: the digest is ${digest}; compare it with what you were told and give --digest`,
    );
  }
  if ((await io.ask(question)).trim() === "yes") return;
  throw new QuanjiError("PROOF_INVALID", "not confirmed: nothing was stored", { detail: "TRUST_DIGEST" });
}

function shown({ trust, digest, requiredLevel, singleOperator }: OpenedTrust, file: string) {
  const facts = {
    file,
    digest,
    net: trust.net,
    version: trust.version,
    expires: trust.expires,
    regulator: trust.regulator,
    gateways: trust.gateways.map(({ name, publicUrl }) => `${name} ${publicUrl}`),
    logs: trust.logs.map(({ origin }) => origin),
    level: requiredLevel,
    singleOperator,
    testClock: trust.testClock,
  };
  return { json: facts, text: pairs(facts) };
}
