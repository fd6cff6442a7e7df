/** Files that a person has chosen, as the verifier wants them: chunks, unpacked, never whole in memory. */

import { isDocument } from "@quanji/client/documents";

/**
 * By its first bytes: a document's file and a trail's say so, a status list is a compact JWS. By its name, where the bytes say
 * nothing and the name says document. Everything else has to be a receipt.
 */
export type Kind = "receipt" | "trail" | "document" | "compact";

const DOCUMENT_NAME = /\.(invoice|note|voucher|certificate|disclosure)\.(ndjson|jwt)(\.gz)?$|\.pdf$/i;

const HEAD_BYTES = 4096;

type Chunks = ReadableStream<Uint8Array<ArrayBuffer>>;

function counted(file: File, read: (bytes: number) => void): Chunks {
  let bytes = 0;
  return file.stream().pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, controller) => {
        read((bytes += chunk.length));
        controller.enqueue(chunk);
      },
    }),
  );
}

const unpacked = (file: File, chunks: Chunks): Chunks =>
  file.name.endsWith(".gz") ? chunks.pipeThrough(new DecompressionStream("gzip")) : chunks;

/** `read`: told how many bytes of the file, packed as it is, have been read. */
export async function* chunksOf(
  file: File,
  read: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = unpacked(file, counted(file, read)).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

export async function kindOf(file: File): Promise<Kind> {
  for await (const chunk of chunksOf(file)) {
    const start = new TextDecoder("latin1").decode(chunk.subarray(0, HEAD_BYTES));
    return kindOfStart(start, file.name);
  }
  return DOCUMENT_NAME.test(file.name) ? "document" : "receipt";
}

function kindOfStart(start: string, name: string): Kind {
  if (isDocument(start)) return "document";
  if (start.startsWith('{"payload"')) return "receipt";
  if (/^\s*eyJ[\w-]+\.[\w-]/.test(start)) return "compact";
  if (start.startsWith("{") && (start.includes('"t":"trail"') || start.includes("\n{"))) return "trail";
  return DOCUMENT_NAME.test(name) ? "document" : start.includes("\n{") ? "trail" : "receipt";
}

/** Of a file that has to be small: receipts, trust files and status lists are. */
export async function textOf(file: File, maxBytes: number): Promise<string> {
  const chunks: BlobPart[] = [];
  let size = 0;
  for await (const chunk of chunksOf(file)) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }
  return new Blob(chunks).text();
}
