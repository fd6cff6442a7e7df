/** Files that a person has chosen, as the verifier wants them: chunks, unpacked, never whole in memory. */
import { isDocument } from "@quanji/client/documents";

/**
 * Its first bytes say what a file is: a document, a trail, or a compact JWS, as status lists are; everything else has to be a
 * receipt. But what is named a document has to be one: a trail that lost the invoice before it proves no invoice.
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
  if (/^\s*eyJ[\w-]+\.[\w-]/.test(start)) return "compact";
  if (isDocument(start) || DOCUMENT_NAME.test(name)) return "document";
  return !start.startsWith('{"payload"') && (start.includes('"t":"trail"') || start.includes("\n{"))
    ? "trail"
    : "receipt";
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
