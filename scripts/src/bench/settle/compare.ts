/** What does not agree between the two sides' statements, the plain count, and the books. */
import { Books, byParty, entryOf, type StatementLine } from "@quanji/chaincode/domain";
import { CURRENCY, MONTH, type BenchContract } from "./contracts.js";
import type { Closed } from "./sides.js";

const text = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? String(member) : member));

/** Lines that differ, in any member: quantity, amount, count, root. One that only one side has differs. */
function linesApart(a: readonly StatementLine[], b: readonly StatementLine[]): number {
  let apart = 0;
  for (let at = 0; at < Math.max(a.length, b.length); at++) if (text(a[at]) !== text(b[at])) apart++;
  return apart;
}

/** Lines, totals and portions that differ; and totals that the plain count has otherwise. */
export function mismatches(exchange: readonly Closed[], payer: readonly Closed[], plain: readonly bigint[]): number {
  const others = new Map(payer.map((closed) => [closed.contract, closed]));
  let count = Math.abs(payer.length - exchange.length) + Math.abs(plain.length - exchange.length);
  for (const ours of exchange) {
    const theirs = others.get(ours.contract);
    count += linesApart(ours.lines, theirs?.lines ?? []);
    if (ours.total !== theirs?.total) count++;
    if (text([ours.portions, ours.suspense]) !== text([theirs?.portions, theirs?.suspense])) count++;
    if (ours.total !== plain[ours.contract]) count++;
  }
  return count;
}

/** Every statement posted; what remains of the sum of all accounts, which is 0, and how many transfers settle the month. */
export function bookAll(
  statements: readonly Closed[],
  contracts: readonly BenchContract[],
): { readonly left: bigint; readonly transfers: number } {
  const books = new Books();
  for (const { contract, portions, suspense } of statements) {
    const owed = new Map([...byParty(portions)].map(([party, amount]) => [`party/${party}`, amount]));
    const { buyer = "", grant = "" } = contracts[contract] ?? {};
    owed.set(`suspense/${grant}`, suspense);
    books.post(entryOf({ id: grant, period: MONTH, of: `${grant}/${MONTH}` }, CURRENCY, buyer, owed));
  }
  const left = books.balances(CURRENCY).reduce((sum, [, amount]) => sum + amount, 0n);
  return { left, transfers: books.transfers(CURRENCY).length };
}
