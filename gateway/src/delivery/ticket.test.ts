import { expect } from "chai";
import { assertTicket, type Ticket } from "./ticket.js";
import { rejected } from "./support.test.js";

const ticket = (overrides: Partial<Ticket> = {}): Ticket => ({
  deliverBeforeMs: 31_000,
  nowMs: 1000,
  isStopped: () => Promise.resolve(false),
  receiptVerified: true,
  ...overrides,
});
const refusal = async (overrides: Partial<Ticket>) => {
  const { code, detail } = await rejected(() => assertTicket(ticket(overrides)));
  return [code, detail];
};

describe("ticket", () => {
  it("opens the source for a verified receipt in time", async () => {
    await assertTicket(ticket());
    await assertTicket(ticket({ nowMs: 30_999 }));
  });

  it("refuses an access without a valid receipt", async () => {
    expect(await refusal({ receiptVerified: false })).to.deep.equal(["NOT_RECORDED", "TICKET_UNVERIFIED"]);
  });

  it("refuses a hoarded ticket, at the very instant and with a broken clock too", async () => {
    for (const nowMs of [31_000, 31_001, NaN]) {
      expect(await refusal({ nowMs })).to.deep.equal(["NOT_RECORDED", "TICKET_EXPIRED"]);
    }
  });

  it("refuses once the grant is stopped", async () => {
    expect(await refusal({ isStopped: () => Promise.resolve(true) })).to.deep.equal([
      "GRANT_REVOKED",
      "TICKET_STOPPED",
    ]);
  });

  it("refuses if nobody can tell whether the grant is stopped", async () => {
    const isStopped = () => Promise.reject(new Error("peer away"));
    expect(await refusal({ isStopped })).to.deep.equal(["NOT_RECORDED", "STOP_UNKNOWN"]);
  });
});
