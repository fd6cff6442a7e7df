/** D1 and D2: what is proven of each use, permitted or denied. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseRecord, splitRecordText } from "@quanji/chaincode/domain";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { verifyReceipt } from "@quanji/client/verify";
import { LedgerError, payloadOf } from "@quanji/gateway/testing";
import { until } from "../../support/until.js";
import type { Extra, Story, Use, Used } from "./story.js";

/** Older than the recorder lets a request become. */
const TOO_LATE_MS = 31_000;

const recordIn = (receipt: unknown) => parseRecord(splitRecordText(String(payloadOf(receipt)["record"])));

/** ✗: a record whose rule is the code, a receipt that verifies, no byte, and the source is not asked (D2). */
export async function denied<N extends string>(story: Story<N>, by: N, use: Use, code: string): Promise<Used> {
  const { asked } = story.source;
  const used = await story.use(by, use);
  strictEqual(used.outcome, code, `${by} ${use.resource}/${use.purpose}`);
  strictEqual(used.data, "");
  strictEqual(story.source.asked, asked, "D2: the source is not asked");
  const record = recordIn(used.receipt);
  deepStrictEqual(record.type === "access" && [record.face.decision, record.body.rule], ["deny", code]);
  strictEqual(record.body.request, used.signed.request);
  await repeatedGetsNothing(story, used);
  return used;
}

/** ✓, so many times. The receipts are judged at the story's end: {@link assertPermits}. */
export async function permitted<N extends string>(
  story: Story<N>,
  by: N,
  use: Use,
  times = 1,
): Promise<readonly Used[]> {
  const all = await story.useAll(by, use, times);
  deepStrictEqual(
    all.filter(({ outcome }) => outcome !== "✓"),
    [],
  );
  for (const { data } of all) ok(data.length > 0);
  await story.settled();
  const [first] = all;
  if (first !== undefined) await repeatedGetsNothing(story, first);
  return all;
}

/** D7 of a use: the same bytes get the receipt that they got, and no data; nothing is recorded again. */
async function repeatedGetsNothing<N extends string>(
  story: Story<N>,
  { signed, receipt, outcome }: Used,
): Promise<void> {
  const { asked } = story.source;
  const height = await story.block();
  const again = await story.post("/v1/access", signed);
  const body = again.payload()?.body ?? {};
  strictEqual(payloadOf(body["receipt"])["record"], payloadOf(receipt)["record"], `D7 of a use: ${outcome}`);
  strictEqual(story.source.asked, asked, "D7: no data for the same bytes");
  strictEqual(await story.block(), height, "D7: nothing is recorded twice");
}

/** With the ledger cut off, what would be a ✓ answers NOT_RECORDED, the source is not asked, and no byte leaves (D1). */
export async function cutOff<N extends string>(story: Story<N>, by: N | Extra, use: Use): Promise<void> {
  const { asked } = story.source;
  const signed = await story.signUse(by, use);
  story.host.ledger.onSubmit = async (transaction, pass) => {
    if (transaction.name !== TRANSACTIONS.recordBatch) return pass();
    story.host.aheadMs += TOO_LATE_MS;
    throw new LedgerError("UNAVAILABLE", "cut off");
  };
  const reply = await story.post("/v1/access", signed);
  story.host.ledger.onSubmit = undefined;
  // The clocks of Fabric's peers are their own; on the embedded ledger time does not go back.
  if (story.ground.ledger === "fabric") story.host.aheadMs = 0;
  deepStrictEqual([reply.status, reply.code(), story.source.asked], [503, "NOT_RECORDED", asked]);
  ok(!reply.text.includes("receipt"));
  story.giveBack(by);
}

/** Every ✓ has a receipt that verifies offline against the pinned trust file, cosigned by m of n witnesses (D1); every ✗ too (D2). */
export async function assertReceipts<N extends string>(story: Story<N>): Promise<void> {
  const trust = await story.trust();
  const left = [...story.uses];
  const worker = async (): Promise<void> => {
    for (let used = left.pop(); used !== undefined; used = left.pop()) {
      const { by, signed } = used;
      const client = await story.client(by as N);
      const found = await until(async () => {
        const answer = await client.read(`/v1/receipts/${signed.request}`);
        const level = payloadOf(answer["access"])["level"];
        return level === "cosigned" ? answer : undefined;
      });
      const { access, delivery } = found;
      if (delivery !== undefined) story.keep(signed.request, delivery);
      const verdict = await verifyReceipt(access as never, trust, { level: "cosigned" });
      deepStrictEqual([verdict.ok, verdict.level, verdict.detail], [true, "cosigned", undefined], signed.request);
      strictEqual((verdict.of as { request?: string } | undefined)?.request, signed.request);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  ok(trust.policy.quorum !== undefined, "the trust file names a quorum");
}
