/** A trail's file as a stream: unpacked if its name ends in .gz. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { unreadable } from "./files.js";

/** Each chunk costs a turn of the event loop; a trail may have a million records. */
const CHUNK_BYTES = 512 * 1024;

/** `read`: told how many bytes of the file, packed as it is, have been read. Errors: usage, if it cannot be read. */
export async function* chunksOf(
  path: string,
  read: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const stream = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.on("error", (error) => stream.destroy(error));
  try {
    for await (const chunk of stream) {
      read(file.bytesRead);
      yield chunk as Uint8Array;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
