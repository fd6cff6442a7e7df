/** What is written before a crash, and what must hold after it. */
import { expect } from "chai";
import type { LedgerBlock, TransactionRequest } from "../../ledger.js";
import type { EmbeddedLedger } from "../ledger.js";
import { call, quietly } from "./probe.js";

const COLLECTION = "org-HolderMSP";

/** Writes public and private state, a policy and an event, purges what the one before wrote, and adds to a counter that every third one reads. */
export const transactionOf = (number: number): TransactionRequest =>
  quietly([
    ["put", `public/${number}`, `value ${number}`],
    ["policy", `public/${number}`, ["HolderMSP"]],
    ["putPrivate", COLLECTION, `private/${number}`, `secret ${number} `.repeat(200)],
    ["putPrivate", COLLECTION, `small/${number}`, `${number}`],
    ...(number % 3 === 0
      ? ([
          ["get", "chain"],
          ["put", "chain", `${number}`],
        ] as const)
      : []),
    ["purgePrivate", COLLECTION, `private/${number - 1}`],
    ["emit", "wrote", `${number}`],
  ]);

export async function allBlocks(ledger: EmbeddedLedger): Promise<LedgerBlock[]> {
  const blocks: LedgerBlock[] = [];
  const height = await ledger.height();
  for await (const block of ledger.blocks(0)) if (blocks.push(block) === height) break;
  return blocks;
}

/** Numbers of the transactions that the ledger holds. Asserts that each is there whole, and that nothing else is. */
export async function assertWhole(ledger: EmbeddedLedger): Promise<Map<number, string>> {
  expect(await ledger.fsck()).to.include({ ok: true });
  const present = new Map<number, string>();
  const wrote = (await allBlocks(ledger)).flatMap(({ number: block, transactions }) =>
    transactions.map((one) => ({ ...one, block, number: Number(one.event?.payload) })),
  );
  const isPurgedAfter = (at: number, number: number): boolean =>
    wrote.slice(at + 1).some((one) => one.number === number + 1);
  for (const [at, { txId, block, number, index, valid, writes, purged = [] }] of wrote.entries()) {
    expect(valid).to.equal(true);
    present.set(number, txId);
    expect(purged).to.have.length(isPurgedAfter(at, number) ? 1 : 0);
    expect(writes.length + purged.length).to.equal(number % 3 === 0 ? 4 : 3);
    expect(await ledger.find(txId)).to.include({ block, index, valid: true });
  }
  const highest = Math.max(-1, ...present.keys());
  for (let number = 0; number <= highest + 3; number++) {
    const read = call([
      ["get", `public/${number}`],
      ["getPrivate", COLLECTION, `private/${number}`],
      ["getPrivate", COLLECTION, `small/${number}`],
    ]);
    const isPurged = isPurgedAfter(
      wrote.findLastIndex((one) => one.number === number),
      number,
    );
    const expected = [`value ${number}`, isPurged ? null : `secret ${number} `.repeat(200), `${number}`];
    const found: unknown = JSON.parse(await ledger.evaluate(read));
    expect(found).to.deep.equal(present.has(number) ? expected : [null, null, null]);
  }
  return present;
}
