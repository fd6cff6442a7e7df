/**
 * Fabric's commit hash: a chain over validation codes and state updates, so that two peers see at once whether they hold the
 * same state. Values, not key-level policies, as in Fabric.
 * @see fabric core/ledger/kvledger/kv_ledger.go addBlockCommitHash, txmgmt/txmgr/update_batch_bytes.go
 */
import { sha256 } from "./block.js";
import { CHAINCODE, type Version } from "./rwset.js";
import type { Updates, Validated } from "./validator.js";
import { compareUtf8, varint, Writer } from "./wire.js";

/** Order-preserving: a count of bytes, then the number without leading zero bytes. */
function orderedBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [bytes.length, ...bytes];
}

const versionBytes = ({ block, tx }: Version): Uint8Array =>
  Uint8Array.from([...orderedBytes(block), ...orderedBytes(tx)]);

/** One entry a key. Namespace and collection are named only where they begin. */
class UpdatesWriter {
  readonly #out = new Writer();
  #namespace = CHAINCODE;

  /** @param value undefined: the key is deleted. */
  put(collection: string, key: Uint8Array, value: Uint8Array | undefined, version: Version): void {
    this.#out.message(1, () => {
      this.#out.text(1, this.#namespace);
      this.#out.text(2, collection);
      this.#out.bytes(3, key);
      if (value === undefined) this.#out.flag(4, true);
      else this.#out.bytes(5, value);
      this.#out.bytes(6, versionBytes(version));
    });
    this.#namespace = "";
  }

  finish(): Uint8Array {
    return this.#out.finish();
  }
}

export function updateBytes({ publicKeys, hashedKeys }: Updates): Uint8Array {
  const out = new UpdatesWriter();
  for (const [key, { value, version }] of [...publicKeys].sort(([a], [b]) => compareUtf8(a, b))) {
    out.put("", Buffer.from(key, "utf8"), value, version);
  }
  for (const [name, entries] of [...hashedKeys].sort(([a], [b]) => compareUtf8(a, b))) {
    let collection = name;
    // Hexadecimal sorts as the bytes do.
    for (const [keyHash, { valueHash, version }] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
      out.put(collection, Buffer.from(keyHash, "hex"), valueHash, version);
      collection = "";
    }
  }
  return out.finish();
}

/** @param previous of the block before; empty before block 1. */
export const nextCommitHash = (previous: Uint8Array, { codes, updates }: Validated): Buffer =>
  sha256(varint(codes.length), codes, updateBytes(updates), previous);
