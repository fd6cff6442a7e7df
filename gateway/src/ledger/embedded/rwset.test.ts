import { ledger } from "@hyperledger/fabric-protos";
import { expect } from "chai";
import fc from "fast-check";
import { sha256 } from "./block.js";
import {
  CHAINCODE,
  decodeReadWriteSet,
  encodePrivateWrites,
  encodeReadWriteSet,
  keyHashOf,
  type ReadWriteSet,
  type Version,
} from "./rwset.js";
import { compareUtf8, varint, varintSize, Writer } from "./wire.js";

const { kvrwset } = ledger.rwset;

const key = fc.string({ minLength: 1, maxLength: 200, unit: "grapheme" }).filter((text) => text.isWellFormed());
const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
const version = fc.option(fc.record({ block: fc.nat({ max: Number.MAX_SAFE_INTEGER }), tx: fc.nat() }), {
  nil: undefined,
});
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const keyHash = key.map(keyHashOf);
const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 8 });

const anySet: fc.Arbitrary<ReadWriteSet> = fc.record({
  reads: list(fc.record({ key, version })),
  writes: list(fc.record({ key, value: bytes })),
  policies: list(fc.record({ key, policy: fc.option(bytes, { nil: undefined }) })),
  collections: fc.array(
    fc.record({
      name: key,
      reads: list(fc.record({ keyHash, version })),
      writes: list(fc.record({ keyHash, valueHash: fc.option(hash, { nil: undefined }) })),
      privateHash: fc.option(hash, { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
});

function protoVersion(from: Version | undefined): ledger.rwset.kvrwset.Version | undefined {
  if (from === undefined) return undefined;
  const message = new kvrwset.Version();
  message.setBlockNum(from.block);
  message.setTxNum(from.tx);
  return message;
}

/** The same set by the generated classes, written from the proto files and not from rwset.ts. */
function generated(set: ReadWriteSet): Uint8Array {
  const state = new kvrwset.KVRWSet();
  for (const read of set.reads) {
    const message = new kvrwset.KVRead();
    message.setKey(read.key);
    message.setVersion(protoVersion(read.version));
    state.addReads(message);
  }
  for (const write of set.writes) {
    const message = new kvrwset.KVWrite();
    message.setKey(write.key);
    message.setValue(write.value);
    state.addWrites(message);
  }
  for (const write of set.policies) {
    const message = new kvrwset.KVMetadataWrite();
    message.setKey(write.key);
    if (write.policy !== undefined) {
      const entry = new kvrwset.KVMetadataEntry();
      entry.setName("VALIDATION_PARAMETER");
      entry.setValue(write.policy);
      message.addEntries(entry);
    }
    state.addMetadataWrites(message);
  }
  const namespace = new ledger.rwset.NsReadWriteSet();
  namespace.setNamespace(CHAINCODE);
  namespace.setRwset(state.serializeBinary());
  for (const collection of set.collections) {
    const hashed = new kvrwset.HashedRWSet();
    for (const read of collection.reads) {
      const message = new kvrwset.KVReadHash();
      message.setKeyHash(Buffer.from(read.keyHash, "hex"));
      message.setVersion(protoVersion(read.version));
      hashed.addHashedReads(message);
    }
    for (const write of collection.writes) {
      const message = new kvrwset.KVWriteHash();
      message.setKeyHash(Buffer.from(write.keyHash, "hex"));
      if (write.valueHash !== undefined) message.setValueHash(write.valueHash);
      message.setIsDelete(write.valueHash === undefined);
      message.setIsPurge(write.valueHash === undefined);
      hashed.addHashedWrites(message);
    }
    const message = new ledger.rwset.CollectionHashedReadWriteSet();
    message.setCollectionName(collection.name);
    message.setHashedRwset(hashed.serializeBinary());
    message.setPvtRwsetHash(collection.privateHash ?? new Uint8Array());
    namespace.addCollectionHashedRwset(message);
  }
  const whole = new ledger.rwset.TxReadWriteSet();
  if (set.reads.length + set.writes.length + set.policies.length + set.collections.length > 0)
    whole.addNsRwset(namespace);
  return whole.serializeBinary();
}

describe("read/write sets", () => {
  it("are, byte for byte, what the generated protobuf classes write", () => {
    fc.assert(
      fc.property(anySet, (set) => {
        expect(Buffer.from(encodeReadWriteSet(set)).equals(generated(set))).to.equal(true);
      }),
    );
  });

  it("read back as they were written", () => {
    fc.assert(
      fc.property(anySet, (set) => {
        const again = decodeReadWriteSet(encodeReadWriteSet(set));
        expect(again && Buffer.from(encodeReadWriteSet(again)).equals(encodeReadWriteSet(set))).to.equal(true);
        expect(again?.reads).to.deep.equal(set.reads);
        const hashes = (of: ReadWriteSet | undefined) =>
          of?.collections.map(({ writes }) => writes.map(({ valueHash }) => valueHash && Buffer.from(valueHash)));
        expect(hashes(again)).to.deep.equal(hashes(set));
        expect(again?.collections.map(({ name }) => name)).to.deep.equal(set.collections.map(({ name }) => name));
      }),
    );
  });

  it("hash private writes as Fabric's KVRWSet", () => {
    const set = new kvrwset.KVRWSet();
    const write = new kvrwset.KVWrite();
    write.setKey("grant/1");
    write.setValue(Buffer.from("value"));
    set.addWrites(write);
    const mine = encodePrivateWrites([{ key: "grant/1", value: Buffer.from("value") }]);
    expect(sha256(mine).equals(sha256(set.serializeBinary()))).to.equal(true);
  });

  const foreign: [string, (namespace: ledger.rwset.NsReadWriteSet) => void][] = [
    ["a foreign namespace", (namespace) => namespace.setNamespace("_lifecycle")],
    [
      "a delete",
      (namespace) => {
        const state = new kvrwset.KVRWSet();
        const write = new kvrwset.KVWrite();
        write.setKey("a");
        write.setIsDelete(true);
        state.addWrites(write);
        namespace.setRwset(state.serializeBinary());
      },
    ],
    [
      "a range query",
      (namespace) => {
        const state = new kvrwset.KVRWSet();
        const query = new kvrwset.RangeQueryInfo();
        query.setStartKey("a");
        state.addRangeQueriesInfo(query);
        namespace.setRwset(state.serializeBinary());
      },
    ],
    [
      "metadata of another name",
      (namespace) => {
        const state = new kvrwset.KVRWSet();
        const write = new kvrwset.KVMetadataWrite();
        const entry = new kvrwset.KVMetadataEntry();
        write.setKey("a");
        entry.setName("ELSE");
        entry.setValue(Uint8Array.of(1));
        write.addEntries(entry);
        state.addMetadataWrites(write);
        namespace.setRwset(state.serializeBinary());
      },
    ],
  ];
  for (const [what, change] of foreign) {
    it(`refuse ${what}`, () => {
      const namespace = new ledger.rwset.NsReadWriteSet();
      namespace.setNamespace(CHAINCODE);
      change(namespace);
      const whole = new ledger.rwset.TxReadWriteSet();
      whole.addNsRwset(namespace);
      expect(decodeReadWriteSet(whole.serializeBinary())).to.equal(undefined);
    });
  }

  it("refuse bytes that are no protobuf, and trailing ones", () => {
    fc.assert(
      fc.property(bytes, (noise) => {
        const set = decodeReadWriteSet(noise);
        if (set !== undefined) expect(Buffer.from(encodeReadWriteSet(set)).equals(noise)).to.equal(true);
      }),
    );
    const whole = Buffer.concat([
      encodeReadWriteSet({ reads: [], writes: [{ key: "a", value: Uint8Array.of(1) }], policies: [], collections: [] }),
      Uint8Array.of(0x78, 0x01),
    ]);
    expect(decodeReadWriteSet(whole)).to.equal(undefined);
  });
});

describe("the protobuf writer", () => {
  it("writes varints of every size", () => {
    for (const [value, hex] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [2 ** 32, "8080808010"],
      [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
    ] as const) {
      expect(Buffer.from(varint(value)).toString("hex")).to.equal(hex);
      expect(varintSize(value)).to.equal(hex.length / 2);
    }
  });

  it("puts the length of a nested message before it, however long it is", () => {
    for (const size of [0, 1, 125, 126, 127, 128, 16_380, 16_384, 3_000_000]) {
      const out = new Writer();
      out.message(1, () => out.bytes(2, new Uint8Array(size).fill(7)));
      const inner = size === 0 ? 0 : 1 + varintSize(size) + size;
      const whole = out.finish();
      expect(whole.length).to.equal(1 + varintSize(inner) + inner);
      expect(whole.subarray(1, 1 + varintSize(inner)).equals(varint(inner))).to.equal(true);
      expect(whole.subarray(whole.length - size).every((byte) => byte === 7)).to.equal(true);
    }
  });

  it("sorts text as its UTF-8 bytes sort", () => {
    const anyText = fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).to.equal(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
    expect(compareUtf8("\u{1F600}", "\uFF5E")).to.be.greaterThan(0);
  });
});
