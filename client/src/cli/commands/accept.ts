import { createHash } from "node:crypto";
import { type Command } from "commander";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Context } from "../context.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, type Runtime } from "../program.js";

export function acceptCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "accept <request>",
      summary:
        "Confirm on the ledger what arrived for an access, if you still have the data and it was not done at once.",
      options: [["--data <file>", "the data as it came (NDJSON): its digest and rows are what you confirm"]],
      examples: ["accept 6sZ1Qk… --data weather.ndjson"],
      run: accept,
    },
  ]);
}

/** Nothing is accepted unseen: the file says what arrived, and the record of the delivery must say the same. */
async function accept(context: Context, [request = ""]: readonly string[], options: Options): Promise<Result> {
  const data = await context.read(context.path(options.required("data", "--data")));
  const client = await context.client();
  const { access, delivery, acceptance } = await client.receipt(request);
  const { log, index: record } = access.record.face;
  if (delivery?.record.type !== "delivery") throw new UsageError("the delivery is not recorded yet: try again later");
  const digest = createHash("sha256").update(data).digest("base64url");
  const rows = data.reduce((lines, byte) => lines + (byte === LINE_FEED ? 1 : 0), 0);
  const { body } = delivery.record;
  const differs = digest !== body.digest ? "digest" : rows !== body.rows ? "rows" : undefined;
  if (differs !== undefined) {
    throw new QuanjiError(
      "STATE_CONFLICT",
      `the file is not what the delivery's record says: ${rows} rows of digest ${digest}, recorded are ${body.rows} of ${body.digest}`,
      { field: differs, detail: "DELIVERY_DIFFERS" },
    );
  }
  const facts = { request, log, access: record, delivery: delivery.record.face.index, rows, digest };
  if (acceptance !== undefined) {
    const index = acceptance.record.face.index;
    return { json: { ...facts, acceptance: index }, text: pairs({ ...facts, acceptance: index }), notes: [ALREADY] };
  }
  const about = body.subjects === undefined ? {} : { subjects: body.subjects };
  const { result } = await client.accept({ log, record, digest, rows, ...about });
  const done = { ...facts, acceptance: Number(result["record"]) };
  return { json: done, text: pairs(done) };
}

const LINE_FEED = 10;
const ALREADY = "it was accepted before: nothing was sent";
