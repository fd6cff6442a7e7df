import type { PublicDocument } from "@quanji/chaincode/domain";
import { sha256Text } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import { expect } from "chai";
import fc from "fast-check";
import type { BlockTransaction, LedgerBlock, Write } from "../ledger/ledger.js";
import { checkIndex } from "./fsck.js";
import { KEYS, type Meta } from "./layout.js";
import { frozen } from "./ledger.test.js";
import type { LedgerIndex } from "./ledger-index.js";
import { Store } from "./store.js";
import { COLLECTION } from "./story.test.js";
import { Bench } from "./support.test.js";

/** Names that begin with one another: a range of keys that is too wide takes the neighbours' places. */
const ISSUERS = ["urn:a", "urn:a:b", "urn:ab", "urn:b"] as const;

interface Step {
  readonly issuer: string;
  readonly kind: PublicDocument["kind"];
  /** Which document this changes; one that is not there is issued. */
  readonly at: number;
  readonly isRevoked: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  issuer: fc.constantFrom(...ISSUERS),
  kind: fc.constantFrom("certificate", "certificate", "certificate", "invoice", "voucher"),
  at: fc.nat({ max: 40 }),
  isRevoked: fc.boolean(),
});
/** Blocks of transactions of steps. */
const history = fc.array(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 3 }), { minLength: 1, maxLength: 8 });

/** Documents as the chaincode writes them: places rise for each issuer, what is revoked stays so. */
class Documents {
  readonly all = new Map<string, PublicDocument>();
  readonly #next = new Map<string, number>();

  write({ issuer, kind, at, isRevoked }: Step): Write {
    const code = `code ${at}`;
    const old = this.all.get(code);
    const document = old === undefined ? this.#issue(issuer, kind, code) : changed(old, isRevoked);
    this.all.set(code, document);
    return { key: publicKeys.document(code), value: JSON.stringify(document) };
  }

  #issue(issuer: string, kind: PublicDocument["kind"], code: string): PublicDocument {
    const at = { request: sha256Text(code), time: "2026-04-01T01:00:00.000Z", tx: "ab" };
    const base = { v: "quanji.document.v1", kind, digest: sha256Text(`of ${code}`), issuer, at } as const;
    if (kind !== "certificate") return { ...base, state: "issued" };
    const statusIndex = this.#next.get(issuer) ?? 0;
    this.#next.set(issuer, statusIndex + 1);
    return { ...base, state: "valid", statusIndex };
  }

  /** What the index is not: a pass over all documents of the network. */
  revoked(issuer: string): readonly (number | undefined)[] {
    return [...this.all.values()]
      .filter((one) => one.kind === "certificate" && one.state === "revoked" && one.issuer === issuer)
      .map(({ statusIndex }) => statusIndex)
      .sort((a, b) => Number(a) - Number(b));
  }
}

function changed(document: PublicDocument, isRevoked: boolean): PublicDocument {
  if (document.kind === "certificate") return isRevoked ? { ...document, state: "revoked" } : document;
  return { ...document, state: "settled" };
}

function ledgerOf(blocks: readonly (readonly (readonly Step[])[])[]) {
  const documents = new Documents();
  const transaction = (steps: readonly Step[], block: number, index: number): BlockTransaction => ({
    txId: sha256Text(`tx ${block} ${index}`),
    index,
    valid: true,
    validationCode: "VALID",
    timestampMs: 0,
    name: "settlement:submit",
    args: [],
    // A transaction writes a key once.
    writes: [...new Map(steps.map((one) => documents.write(one)).map((write) => [write.key, write])).values()],
  });
  const made = blocks.map((transactions, number): LedgerBlock => ({
    number,
    hash: sha256Text(`block ${number}`),
    transactions: transactions.map((steps, index) => transaction(steps, number, index)),
  }));
  return { documents, blocks: made };
}

describe("places of revoked certificates, in the read model", () => {
  const bench = new Bench();
  afterEach(() => bench.clean());

  const listed = async (index: LedgerIndex) =>
    Promise.all(ISSUERS.map(async (issuer) => [...(await index.revokedStatuses(issuer))]));

  it("are those that a pass over all documents finds, also after a restart between any blocks", async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(), async (steps, cut) => {
        const { documents, blocks } = ledgerOf(steps);
        const expected = ISSUERS.map((issuer) => documents.revoked(issuer));
        const folder = await bench.folder();
        await bench.close(await bench.upToDate(frozen(blocks.slice(0, 1 + (cut % blocks.length))), { folder }));
        const index = await bench.upToDate(frozen(blocks), { folder });
        expect(await listed(index)).to.deep.equal(expected);
        await bench.close(index);
      }),
      { numRuns: 40 },
    );
  });

  const certificate = (at: number, isRevoked: boolean): Step => ({
    issuer: "urn:a",
    kind: "certificate",
    at,
    isRevoked,
  });
  const revoking = [[[0, 1, 2].map((at) => certificate(at, false))], [[certificate(1, true)]]];

  async function damaged(edit: (store: Store) => Promise<void>) {
    const { blocks } = ledgerOf(revoking);
    const folder = await bench.folder();
    await bench.close(await bench.upToDate(frozen(blocks), { folder }));
    const store = await Store.open(folder);
    await edit(store);
    await store.close();
    const scratch = await bench.folder();
    return {
      folder,
      blocks,
      report: await checkIndex({ folder, scratch, ledger: frozen(blocks), collection: COLLECTION }),
    };
  }

  it("are compared with the blocks: one that is missing or added is named", async () => {
    expect((await damaged(() => Promise.resolve())).report).to.include({ ok: true, state: "current" });
    const gone = await damaged((store) => store.write([[KEYS.revoked("urn:a", 1), undefined]]));
    expect(gone.report.fault?.message).to.equal(`row ${JSON.stringify(KEYS.revoked("urn:a", 1))} is missing`);
    const added = await damaged((store) => store.write([[KEYS.revoked("urn:a", 2), ""]]));
    expect(added.report.fault?.message).to.equal(
      `row ${JSON.stringify(KEYS.revoked("urn:a", 2))} follows from no block`,
    );
  });

  it("are there in an index of the format before, which had no such rows: it is made anew", async () => {
    const { folder, blocks, report } = await damaged(async (store) => {
      const meta = JSON.parse(store.get(KEYS.meta) ?? "") as Meta;
      await store.write([
        [KEYS.revoked("urn:a", 1), undefined],
        [KEYS.meta, JSON.stringify({ ...meta, format: 6 })],
      ]);
    });
    expect(report).to.include({ ok: true, state: "foreign" });
    expect(await (await bench.upToDate(frozen(blocks), { folder })).revokedStatuses("urn:a")).to.deep.equal([1]);
  });
});
