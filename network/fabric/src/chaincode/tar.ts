/**
 * Archives whose bytes depend on their content alone: no times, owners or compressor's marks. A chaincode package's id is its
 * hash, and organisations that build it apart must get the same one.
 * @see POSIX.1-2017 pax, "ustar Interchange Format"; RFC 1952 (gzip)
 */
import { gzipSync } from "node:zlib";

const BLOCK = 512;

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 100) throw new RangeError(`${name} is longer than 100 bytes`);
  block.write(name, 0);
  block.write("0000644\0", 100); // mode
  block.write("0000000\0", 108); // owner
  block.write("0000000\0", 116); // group
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0", 136); // time
  block.write("        ", 148); // the sum is made as if its own field held blanks
  block.write("0", 156); // a plain file
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

export function tar(files: readonly (readonly [name: string, content: Uint8Array | string])[]): Buffer {
  const parts = files.flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    return [header(name, bytes.length), bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** Stored, not compressed: what a compressor makes of the same bytes changes with its version. */
export function gzip(content: Uint8Array): Buffer {
  const bytes = gzipSync(content, { level: 0 });
  bytes.writeUInt32LE(0, 4); // time
  bytes[8] = 0; // effort
  bytes[9] = 255; // system: unknown
  return bytes;
}
