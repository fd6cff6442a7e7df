/** What is written before a crash, and what must hold after it. */
import { expect } from "chai";
import type { LedgerBlock, TransactionRequest } from "../../ledger.js";
import type { EmbeddedLedger } from "../ledger.js";
import { call, quietly } from "./probe.js";

const COLLECTION = "org-HolderMSP";

/** Writes public and private state, a policy and an event, and adds to a counter that every third one reads. */
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
  for (const { number, transactions } of await allBlocks(ledger)) {
    for (const { txId, index, event, valid, writes } of transactions) {
      expect(valid).to.equal(true);
      if (event?.name !== "wrote") continue;
      present.set(Number(event.payload), txId);
      expect(writes).to.have.length(Number(event.payload) % 3 === 0 ? 4 : 3);
      expect(await ledger.find(txId)).to.include({ block: number, index, valid: true });
    }
  }
  const highest = Math.max(-1, ...present.keys());
  for (let number = 0; number <= highest + 3; number++) {
    const read = call([
      ["get", `public/${number}`],
      ["getPrivate", COLLECTION, `private/${number}`],
      ["getPrivate", COLLECTION, `small/${number}`],
    ]);
    const expected = [`value ${number}`, `secret ${number} `.repeat(200), `${number}`];
    const found: unknown = JSON.parse(await ledger.evaluate(read));
    expect(found).to.deep.equal(present.has(number) ? expected : [null, null, null]);
  }
  return present;
}
