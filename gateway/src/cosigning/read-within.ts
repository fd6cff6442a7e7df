import { fromUtf8, concat } from "@quanji/chaincode/log";

/** Text of an answer. Throws a RangeError if it is longer than `maxBytes`; MALFORMED · NOT_UTF8. */
export async function readWithin(response: Response, maxBytes: number): Promise<string> {
  return fromUtf8(await readBytesWithin(response, maxBytes));
}

/** Bytes of an answer. Throws a RangeError if there are more than `maxBytes`, having read no more than that. */
export async function readBytesWithin(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length;
    // Leaving the loop gives the connection up.
    if (size > maxBytes) throw new RangeError(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return concat(...chunks);
}
