/**
 * A witness with two faces: what it is asked to sign it signs, for an honest one stands behind it; to whoever reads what it
 * published it shows another history under the same key. Arguments: address of the honest one, its key file, the key's name.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  cosignNote,
  formatCheckpoint,
  formatNote,
  fromBase64url,
  NOTE_TYPES,
  noteKey,
  parseCheckpoint,
  parseNote,
  sha256,
  utf8,
} from "@quanji/chaincode/log";
import { openSigner, publicOf, readKeyFile } from "@quanji/client";

const [honest = "", keyFile = "", name = ""] = process.argv.slice(2);
const pair = await readKeyFile(keyFile);
const { sign } = await openSigner({ ...pair, party: "notes" });
const key = noteKey(name, NOTE_TYPES.cosignature, fromBase64url(publicOf(pair.jwk).x));

/** The same log at the same size with other records, signed as if it were the one. */
async function anotherHistory(text: string): Promise<string> {
  const { origin, size } = parseCheckpoint(parseNote(text).text);
  const invented = formatCheckpoint({ origin, size, root: sha256(utf8(`another history of ${origin}`)) });
  const signature = await cosignNote(invented, key, Math.floor(Date.now() / 1000), sign);
  return formatNote({ text: invented, signatures: [signature] });
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method = "GET", url = "" } = request;
    const answer = async (): Promise<void> => {
      const body = method === "POST" ? { body: Buffer.concat(chunks) } : {};
      const reply = await fetch(honest + url, { method, ...body });
      const text = await reply.text();
      const headers = Object.fromEntries(
        ["content-type", "retry-after"].flatMap((header) => {
          const value = reply.headers.get(header);
          return value === null ? [] : [[header, value] as const];
        }),
      );
      response.writeHead(reply.status, headers);
      response.end(reply.ok && url.endsWith("/checkpoint") ? await anotherHistory(text) : text);
    };
    answer().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
});
server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
