import { type Command } from "commander";
import { z } from "zod";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Context } from "../context.js";
import { callGateway } from "../gateway-program.js";
import type { Options } from "../options.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Runtime } from "../program.js";

const Fault = z.looseObject({
  code: z.string(),
  message: z.string(),
  block: z.number().optional(),
  index: z.number().optional(),
});
const Report = z.looseObject({
  ok: z.boolean(),
  folder: z.string(),
  ledger: z.looseObject({
    ok: z.boolean(),
    blocks: z.number(),
    transactions: z.number(),
    keys: z.number(),
    fault: Fault.optional(),
  }),
  index: z
    .looseObject({
      ok: z.boolean(),
      state: z.string(),
      blocks: z.number(),
      entries: z.number(),
      fault: Fault.optional(),
    })
    .optional(),
});
type Report = z.infer<typeof Report>;

export function fsckCommand(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "fsck",
      summary:
        "For a gateway's operator: check a data folder at rest. Derives ledger and index again from the blocks and compares. Exit code 0: whole; 1: something differs; 3: a gateway holds the folder.",
      options: [["--data <folder>", "the gateway's data folder (default: QUANJI_DATA, or ./data)"]],
      examples: ["fsck", "fsck --data /srv/quanji --json"],
      run: fsck,
    },
  ]);
}

async function fsck(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const folder = context.path(options.text("data") ?? context.io.env["QUANJI_DATA"] ?? "data");
  const bar = progress(context.io, "checking", "blocks");
  try {
    const said = await callGateway(context.io, {
      task: "fsck",
      variables: { QUANJI_DATA: folder },
      progress: (done, of) => bar.update(done, of),
    });
    const report = Report.safeParse(said);
    if (!report.success) throw new QuanjiError("INTERNAL", "the gateway's program said what no report says");
    return resultOf(report.data);
  } finally {
    bar.end();
  }
}

function resultOf(report: Report): Result {
  const { ok, folder, ledger, index } = report;
  const fault = ledger.fault ?? index?.fault;
  const text = pairs({
    folder,
    verdict: ok ? "whole" : "DAMAGED",
    ledger: `${ledger.blocks} blocks, ${ledger.transactions} transactions, ${ledger.keys} keys`,
    index: index === undefined ? "not compared" : `${index.state}: ${index.blocks} blocks, ${index.entries} rows`,
    fault: fault && `${fault.code}: ${fault.message}`,
    block: fault?.block,
    transaction: fault?.index,
  });
  return { json: report, text, notes: adviceOn(report), exitCode: ok ? 0 : 1 };
}

function adviceOn({ ledger, index }: Report): readonly string[] {
  if (!ledger.ok) {
    return [
      "next: keep this folder as it is, for it may be evidence; restore a copy into another one, and check that with quanji fsck",
    ];
  }
  if (index?.ok === false) return ["next: delete the folder readmodel in it; the gateway makes it anew when it starts"];
  if (index?.state === "absent" || index?.state === "foreign")
    return ["the gateway makes the index anew when it starts"];
  return [];
}
