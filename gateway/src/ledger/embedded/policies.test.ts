import { expect } from "chai";
import { hash } from "node:crypto";
import { allOf, encodePolicy } from "./policy.js";
import { encodePrivateWrites, keyHashOf, type PrivateWrites, type ReadWriteSet } from "./rwset.js";
import { endorse, type Endorsement, type Transaction } from "./transaction.js";
import { Workbench } from "./testing/attack.js";
import { faultOf } from "./testing/faults.js";
import { EXCHANGE, Folders, HOLDER, open, REGULATOR } from "./testing/open.js";
import { call, type Step } from "./testing/probe.js";

const POLICY = "ENDORSEMENT_POLICY_FAILURE";
const value = Buffer.from("forged");
const write = (key: string): Partial<ReadWriteSet> => ({ writes: [{ key, value }] });
const policyFor = (key: string, ...msps: string[]): Partial<ReadWriteSet> => ({
  policies: [{ key, policy: encodePolicy(allOf(msps)) }],
});

/** A write to a collection, with the values behind it. */
function privately(collection: string, key: string): [Partial<ReadWriteSet>, PrivateWrites[]] {
  const writes = [{ key, value }];
  const set = {
    name: collection,
    reads: [],
    writes: [{ keyHash: keyHashOf(key), valueHash: hash("sha256", value, "buffer") }],
    privateHash: hash("sha256", encodePrivateWrites(writes), "buffer"),
  };
  return [{ collections: [set] }, [{ collection, writes }]];
}

describe("policies, attacked through the ledger", () => {
  const folders = new Folders();
  after(() => folders.clear());

  it("default endorsers satisfy the chaincode's policy, whoever submits", async () => {
    const ledger = await open(await folders.make());
    for (const msp of [REGULATOR, HOLDER, EXCHANGE]) await ledger.as(msp).submit(call([["put", msp, "1"]]));
    await ledger.close();
  });

  it("one organisation alone cannot write public state, nor can two without the regulator", async () => {
    const ledger = await open(await folders.make());
    const put: Step[] = [["put", "a", "1"]];
    for (const endorsers of [[HOLDER], [EXCHANGE], [REGULATOR], [HOLDER, EXCHANGE]]) {
      await faultOf(ledger.submit(call(put, { endorsers })), "POLICY");
    }
    await faultOf(ledger.submit(call([], { endorsers: [HOLDER] })), "POLICY");
    await faultOf(ledger.submit(call([["get", "a"]], { endorsers: [HOLDER] })), "POLICY");
    expect(await ledger.evaluate(call([["get", "a"]]))).to.equal("[null]");
    await faultOf(ledger.submit(call(put, { endorsers: ["NobodyMSP"] })), "UNAVAILABLE");
    expect(await ledger.fsck()).to.include({ ok: true });
    await ledger.close();
  });

  it("a key's own policy replaces the chaincode's: its organisation alone may write it, others may not", async () => {
    const ledger = await open(await folders.make());
    const put = (text: string): Step[] => [["put", "stop/1", text]];
    await ledger.submit(call([...put("1"), ["policy", "stop/1", [HOLDER]]]));
    await ledger.submit(call(put("stopped"), { endorsers: [HOLDER] }));
    const other = ledger.as(EXCHANGE);
    await faultOf(other.submit(call(put("forged"), { endorsers: [EXCHANGE, REGULATOR] })), "POLICY");
    await faultOf(
      other.submit(call([["policy", "stop/1", [EXCHANGE]]], { endorsers: [EXCHANGE, REGULATOR] })),
      "POLICY",
    );
    // With any other key the chaincode's policy is asked too.
    await faultOf(ledger.submit(call([...put("2"), ["put", "a", "1"]], { endorsers: [HOLDER] })), "POLICY");
    await ledger.submit(call([...put("2"), ["put", "a", "1"]], { endorsers: [HOLDER, REGULATOR] }));
    expect(await ledger.evaluate(call([["get", "stop/1"]]))).to.equal('["2"]');
    expect(await ledger.fsck()).to.include({ ok: true });
    await ledger.close();
  });

  it("a policy of two needs both; changing it needs the policy in force; a later write keeps it", async () => {
    const ledger = await open(await folders.make());
    await ledger.submit(
      call([
        ["put", "log/1", "1"],
        ["policy", "log/1", [REGULATOR, HOLDER]],
      ]),
    );
    const put = call([["put", "log/1", "2"]]);
    await faultOf(ledger.submit({ ...put, endorsers: [HOLDER] }), "POLICY");
    await faultOf(ledger.submit({ ...put, endorsers: [REGULATOR, EXCHANGE] }), "POLICY");
    await ledger.submit(put);
    await faultOf(ledger.submit({ ...put, endorsers: [REGULATOR, EXCHANGE] }), "POLICY");
    await ledger.submit(call([["policy", "log/1", [EXCHANGE]]]));
    await ledger.submit({ ...put, endorsers: [EXCHANGE] });
    await faultOf(ledger.submit(put), "POLICY");
    await ledger.close();
  });

  it("a policy on an absent key has no effect, unless the key is written with it", async () => {
    const ledger = await open(await folders.make());
    await ledger.submit(call([["policy", "a", [HOLDER]]]));
    await faultOf(ledger.submit(call([["put", "a", "1"]], { endorsers: [HOLDER] })), "POLICY");
    await ledger.submit(call([["put", "a", "1"]], { endorsers: [REGULATOR, EXCHANGE] }));
    await ledger.submit(
      call([
        ["put", "b", "1"],
        ["policy", "b", [HOLDER]],
      ]),
    );
    await ledger.submit(call([["put", "b", "2"]], { endorsers: [HOLDER] }));
    await ledger.close();
  });

  it("a changed policy conflicts with who read the key", async () => {
    const ledger = await open(await folders.make());
    await ledger.submit(call([["put", "a", "1"]]));
    const [policy, reader] = [
      ledger.submit(call([["policy", "a", [HOLDER]]])),
      ledger.submit(
        call([
          ["get", "a"],
          ["put", "b", "1"],
        ]),
      ),
    ];
    await policy;
    await faultOf(reader, "CONFLICT");
    await ledger.close();
  });
});

describe("policies, attacked with forged envelopes", () => {
  const folders = new Folders();
  let bench: Workbench;
  beforeEach(async () => {
    bench = await Workbench.open(await folders.make());
  });
  afterEach(async () => {
    expect(await bench.fsck()).to.include({ ok: true });
    await bench.close();
    await folders.clear();
  });
  const HONEST = [REGULATOR, HOLDER];

  it("a third organisation and the regulator cannot write a collection; its organisation and the regulator can", async () => {
    const forge = (endorsers: string[], collection = "org-HolderMSP"): [Transaction, PrivateWrites[]] => {
      const [rwset, values] = privately(collection, "grant/1");
      return [bench.craft({ rwset, client: EXCHANGE, endorsers }), values];
    };
    expect(await bench.order(forge([REGULATOR, EXCHANGE]))).to.deep.equal([POLICY]);
    expect(await bench.order(forge([EXCHANGE, HOLDER]))).to.deep.equal([POLICY]);
    expect(await bench.order(forge([HOLDER]))).to.deep.equal([POLICY]);
    expect(await bench.order(forge([REGULATOR, HOLDER], "org-NobodyMSP"))).to.deep.equal([POLICY]);
    expect(await bench.order(forge(HONEST))).to.deep.equal(["VALID"]);
  });

  it("nobody takes a key's policy away without it", async () => {
    await bench.order(
      bench.craft({ rwset: { ...write("stop/1"), ...policyFor("stop/1", HOLDER) }, client: HOLDER, endorsers: HONEST }),
    );
    const remove = { policies: [{ key: "stop/1", policy: undefined }] };
    const attack = bench.craft({ rwset: remove, client: EXCHANGE, endorsers: [REGULATOR, EXCHANGE] });
    expect(await bench.order(attack)).to.deep.equal([POLICY]);
    expect(
      await bench.order(bench.craft({ rwset: write("stop/1"), client: EXCHANGE, endorsers: [REGULATOR, EXCHANGE] })),
    ).to.deep.equal([POLICY]);
    expect(await bench.order(bench.craft({ rwset: remove, client: HOLDER, endorsers: [HOLDER] }))).to.deep.equal([
      "VALID",
    ]);
    expect(
      await bench.order(bench.craft({ rwset: write("stop/1"), client: HOLDER, endorsers: [HOLDER] })),
    ).to.deep.equal([POLICY]);
    expect(
      await bench.order(bench.craft({ rwset: write("stop/1"), client: EXCHANGE, endorsers: [REGULATOR, EXCHANGE] })),
    ).to.deep.equal(["VALID"]);
  });

  it("a key under bytes that are no policy is closed to everybody", async () => {
    const rwset = { ...write("a"), policies: [{ key: "a", policy: Uint8Array.of(1, 2, 3) }] };
    expect(await bench.order(bench.craft({ rwset, client: HOLDER, endorsers: HONEST }))).to.deep.equal(["VALID"]);
    const everybody = [REGULATOR, HOLDER, EXCHANGE];
    expect(await bench.order(bench.craft({ rwset: write("a"), client: HOLDER, endorsers: everybody }))).to.deep.equal([
      POLICY,
    ]);
  });

  it("a policy counts from the next block on; until then its key is closed, whatever becomes of the change", async () => {
    await bench.order(bench.craft({ rwset: write("a"), client: HOLDER, endorsers: HONEST }));
    const stale = { reads: [{ key: "a", version: undefined }], ...policyFor("a", EXCHANGE) };
    const codes = await bench.order(
      bench.craft({ rwset: write("filler"), client: HOLDER, endorsers: HONEST }),
      bench.craft({ rwset: stale, client: HOLDER, endorsers: HONEST }),
      bench.craft({ rwset: write("a"), client: HOLDER, endorsers: HONEST }),
    );
    expect(codes).to.deep.equal(["VALID", "MVCC_READ_CONFLICT", POLICY]);
    expect(await bench.order(bench.craft({ rwset: write("a"), client: HOLDER, endorsers: HONEST }))).to.deep.equal([
      "VALID",
    ]);
  });

  it("the same transaction twice counts once, in one block, in the next and after reopening", async () => {
    const once = bench.craft({ rwset: write("a"), client: HOLDER, endorsers: HONEST });
    const nonce = Buffer.alloc(24, 7);
    const [first, second] = [write("b"), write("c")].map((rwset) =>
      bench.craft({ rwset, client: HOLDER, endorsers: HONEST, nonce }),
    );
    expect(await bench.order(once, once)).to.deep.equal(["VALID", "DUPLICATE_TXID"]);
    expect(await bench.order(once)).to.deep.equal(["DUPLICATE_TXID"]);
    expect(await bench.order(first!, second!)).to.deep.equal(["VALID", "DUPLICATE_TXID"]);
    expect(bench.value("c")).to.equal(undefined);
    expect(bench.store.getPlace(once.txId)).to.include({ block: 1, index: 0 });
  });

  it("an endorsement counts for the bytes that were signed, by a peer, once", async () => {
    const [regulator, holder] = [bench.peer(REGULATOR), bench.peer(HOLDER)];
    const other = Buffer.from("another response");
    const forged: Record<string, (response: Uint8Array) => Endorsement[]> = {
      "of another transaction": () => [endorse(regulator, other), endorse(holder, other)],
      "of one organisation, twice": (response) => [endorse(regulator, response), endorse(regulator, response)],
      "under another's name": (response) => [
        endorse(regulator, response),
        { endorser: holder.identity, signature: endorse(regulator, response).signature },
      ],
      "of the response without the endorser": (response) =>
        [regulator, holder].map((peer) => ({ endorser: peer.identity, signature: peer.sign(response) })),
      "by clients": (response) => [REGULATOR, HOLDER].map((msp) => endorse(bench.client(msp), response)),
      none: () => [],
    };
    for (const [what, endorsers] of Object.entries(forged)) {
      expect(await bench.order(bench.craft({ rwset: write("a"), client: HOLDER, endorsers })), what).to.deep.equal([
        POLICY,
      ]);
    }
    const surplus = (response: Uint8Array) => [
      endorse(regulator, other),
      endorse(regulator, response),
      endorse(holder, response),
    ];
    expect(await bench.order(bench.craft({ rwset: write("a"), client: HOLDER, endorsers: surplus }))).to.deep.equal([
      "VALID",
    ]);
  });

  it("an envelope signed by another than its creator is BAD_CREATOR_SIGNATURE", async () => {
    for (const signer of [bench.client(EXCHANGE), bench.peer(HOLDER)]) {
      const stolen = bench.craft({ rwset: write("a"), client: HOLDER, endorsers: HONEST, signer });
      expect(await bench.order(stolen)).to.deep.equal(["BAD_CREATOR_SIGNATURE"]);
    }
  });

  it("a transaction of another channel is refused", async () => {
    const foreign = bench.craft({ rwset: write("a"), client: HOLDER, endorsers: HONEST, channel: "other" });
    expect(await bench.order(foreign)).to.deep.equal(["TARGET_CHAIN_NOT_FOUND"]);
  });
});
