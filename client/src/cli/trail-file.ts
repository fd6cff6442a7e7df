/** A trail's file as a stream: unpacked if its name ends in .gz. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { unreadable } from "./files.js";

/** Errors: usage, if it cannot be read. */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void, void> {
  const file = createReadStream(path);
  const stream = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.on("error", (error) => stream.destroy(error));
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
