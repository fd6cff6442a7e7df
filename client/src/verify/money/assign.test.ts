import type { Statement } from "@quanji/chaincode/domain";
import { privateKeys } from "@quanji/chaincode/world";
import { expect } from "chai";
import { PARTIES } from "../support.test.js";
import { PERIOD, SettledMonth, tampered } from "./month.support.test.js";

const TOTAL = "669776";
const told = ({ ok, code, detail, message }: { ok: boolean; code?: string; detail?: string; message?: string }) =>
  ok ? "ok" : `${code ?? ""} · ${detail ?? ""}: ${message ?? ""}`;

async function waiting(): Promise<SettledMonth> {
  const month = await SettledMonth.begin({ measured: true });
  await month.close();
  return month;
}

describe("documents of a month whose split had no weights", () => {
  it("an invoice that stands needs no note once what waited is assigned, and later notes are divided as that was", async () => {
    const month = await waiting();
    const invoice = await month.issue();
    const before = await month.verify(await month.file(invoice));
    expect(before, told(before)).to.include({ ok: true, total: TOTAL });
    const dispute = await month.dispute(5);
    await month.closeIdle("2026-04", 2, 1);
    await month.assign("2026-04");
    const [assigned] = (await month.settled()).statement.adjustments;
    expect(assigned).to.deep.include({
      kind: "assign",
      amount: "0",
      suspense: `-${TOTAL}`,
      portions: [
        { party: PARTIES.bureau.id, amount: "446517" },
        { party: PARTIES.operator.id, amount: "223259" },
      ],
    });
    expect(told(await month.verify(await month.file(invoice)))).to.match(/DOCUMENT_DISPUTED/);
    // A note that follows is divided by the weights that were assigned.
    const note = await month.creditNote(dispute, 5, "-95001");
    const noted = await month.verify(await month.file(note));
    expect(noted, told(noted)).to.include({ ok: true, total: "-95001", payable: "574775" });
    expect((await month.settled()).statement.adjustments.at(-1)).to.deep.include({ suspense: "0" });
    const voucher = await month.settle("574775");
    expect(told(await month.verify(await month.file(voucher)))).to.equal("ok");
    const after = await month.verify(await month.file(invoice));
    expect(after, told(after)).to.include({ ok: true, total: TOTAL, payable: "574775", settled: true });
    expect(after.notes).to.have.length(1);
  });

  it("an invoice states what was assigned before it, to the unit", async () => {
    const month = await waiting();
    await month.closeIdle("2026-04", 2, 1);
    await month.assign("2026-04");
    const invoice = await month.issue();
    const verdict = await month.verify(await month.file(invoice));
    expect(verdict, told(verdict)).to.include({ ok: true, total: TOTAL });
    for (const change of [
      (split: { portions: { amount: string }[] }) => {
        split.portions[0]!.amount = "446518";
        split.portions[1]!.amount = "223258";
      },
      (split: { portions: { party: string }[] }) => (split.portions[1]!.party = PARTIES.insurer.id),
      (split: { suspense: string }) => (split.suspense = "0"),
    ]) {
      const changed = tampered(invoice, (payload) => {
        const { adjustments } = payload["quanji"] as { adjustments: { split: never }[] };
        change(adjustments[0]!.split);
      });
      const refused = await month.verify(await month.file(changed));
      expect(told(refused)).to.match(/^TOTAL_MISMATCH · SPLIT_DIFFERS/);
    }
  });

  it("a dismissal after an invoice leaves it as it is", async () => {
    const month = await waiting();
    const invoice = await month.issue();
    await month.dismiss(await month.dispute(5));
    const verdict = await month.verify(await month.file(invoice));
    expect(verdict, told(verdict)).to.include({ ok: true, total: TOTAL, payable: TOTAL });
  });

  it("a ledger whose peers agreed on a later month that somebody likes better is refused", async () => {
    const month = await waiting();
    const invoice = await month.issue();
    await month.closeIdle("2026-04", 2, 1);
    await month.closeIdle("2026-05", 0, 1);
    const april = privateKeys.statement(month.contract, "2026-04");
    const idle = (statement: Statement): Statement => ({
      ...statement,
      measured: statement.measured.map((each) => ({ ...each, deliveries: 0 })),
    });
    month.world.edit(april, idle);
    await month.assign("2026-05");
    const verdict = await month.verify(await month.file(invoice));
    expect(told(verdict)).to.match(/^PROOF_INVALID · COMMAND_REFUSED/);
  });

  it("a ledger whose peers assigned twice is refused", async () => {
    const month = await waiting();
    const invoice = await month.issue();
    await month.closeIdle("2026-04", 2, 1);
    const key = privateKeys.statement(month.contract, PERIOD);
    await month.assign("2026-04");
    expect(told(await month.verify(await month.file(invoice)))).to.equal("ok");
    month.world.edit(key, (statement: Statement): Statement => ({ ...statement, adjustments: [] }));
    await month.assign("2026-04");
    expect(told(await month.verify(await month.file(invoice)))).to.match(/^PROOF_INVALID · COMMAND_REFUSED/);
  });
});
