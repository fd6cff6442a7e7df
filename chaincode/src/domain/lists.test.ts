import { expect } from "chai";
import type { HashText } from "../log/index.js";
import { expectThrow } from "../testing/expect.js";
import {
  applyBoundary,
  applyOrder,
  bucketsFor,
  type Cell,
  type CommandFacts,
  listsInForce,
  MAX_ORDERS,
  NO_BOUNDARIES,
  type Order,
  type OrderCommand,
} from "./index.js";

const T0 = Date.parse("2026-03-02T00:00:00.000Z");
const facts = (signer: string, timeMs = T0): CommandFacts => ({
  time: new Date(timeMs).toISOString(),
  timeMs,
  tx: "00",
  signer,
  signerRoles: ["regulator"],
  kid: `${signer}#k`,
  request: "r" as HashText,
});
const cell: Cell = { from: "any", to: "any", class: "c", purpose: "any", action: "any", effect: "forbid" };
const list = (version: number, fromMs: number, untilMs?: number) => ({
  net: "quanji.test/demo",
  list: "city",
  version,
  effectiveFrom: new Date(fromMs).toISOString(),
  ...(untilMs !== undefined && { until: new Date(untilMs).toISOString() }),
  cells: [cell],
});

describe("domain: boundary lists", () => {
  it("are continued by the party that began them", () => {
    const one = applyBoundary(NO_BOUNDARIES, list(1, T0), facts("A"));
    expectThrow(() => applyBoundary(one, list(2, T0), facts("B")), "ROLE_REQUIRED");
    expect(applyBoundary(one, list(2, T0), facts("A")).n).to.equal(2);
  });

  it("are in force from their date until the next version's, or their own end", () => {
    const one = applyBoundary(NO_BOUNDARIES, list(1, T0), facts("A"));
    const two = applyBoundary(one, list(2, T0 + 1000, T0 + 2000), facts("A"));
    const versions = (timeMs: number) => listsInForce(two, timeMs).map(({ version }) => version);
    expect([T0 - 1, T0, T0 + 999, T0 + 1000, T0 + 1999, T0 + 2000].map(versions)).to.deep.equal([
      [],
      [1],
      [1],
      [2],
      [2],
      [],
    ]);
  });

  it("file their cells by class", () => {
    const buckets = bucketsFor([cell, { ...cell, class: "any" }, { ...cell, purpose: "p" }]);
    expect([...buckets].map(([name, cells]) => [name, cells.length])).to.deep.equal([
      ["c", 2],
      ["any", 1],
    ]);
  });
});

describe("domain: orders", () => {
  const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const freeze = (n: number): OrderCommand => ({
    verb: "order.freeze",
    payload: { net: "quanji.test/demo", order: id(n), target: { kind: "party", id: "X" }, ground: "g" },
  });
  const lift = (n: number): OrderCommand => ({
    verb: "order.lift",
    payload: { net: "quanji.test/demo", order: id(n), ground: "g" },
  });
  const orders = (n: number): readonly Order[] =>
    Array.from({ length: n }, (_, i) => ({ id: id(i), target: { kind: "party", id: "X" }, issuer: "R", since: "s" }));

  it("are bounded, so that the one key that every batch reads stays small", () => {
    expectThrow(() => applyOrder(orders(MAX_ORDERS), freeze(MAX_ORDERS), facts("R")), "STATE_CONFLICT");
    expect(applyOrder(orders(MAX_ORDERS - 1), freeze(MAX_ORDERS), facts("R"))).to.have.length(MAX_ORDERS);
  });

  it("are lifted by whoever gave them, and forgotten long after a replay would be stale", () => {
    expectThrow(() => applyOrder(orders(1), lift(0), facts("S")), "ROLE_REQUIRED");
    const lifted = applyOrder(orders(1), lift(0), facts("R"));
    expect(lifted[0]?.lifted).to.equal(new Date(T0).toISOString());
    expectThrow(() => applyOrder(lifted, freeze(0), facts("R", T0 + 599_999)), "STATE_CONFLICT");
    expect(applyOrder(lifted, freeze(1), facts("R", T0 + 600_000)).map((order) => order.id)).to.deep.equal([id(1)]);
  });
});
