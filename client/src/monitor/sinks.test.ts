import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { canonical, parseAnswerJws } from "@quanji/chaincode/log";
import { expect } from "chai";
import { generateKey, openSigner, type Signer, signatureVerifier } from "../sdk/index.js";
import { fileSink, type Notice, parseWebhook, webhookSink } from "./index.js";

const notice = (seq: number): Notice => ({
  v: "quanji.notice.v1",
  id: `id ${seq}`,
  seq,
  at: "2026-03-02T08:00:00.000Z",
  net: "quanji.test/city",
  kind: "alarm",
  code: "LOG_SHRUNK",
  about: "a log",
  message: "smaller",
});
const line = (seq: number): string => `${canonical(notice(seq))}\n`;

describe("notices in a file", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "quanji-sink-"));
    path = join(folder, "uses.ndjson");
  });
  afterEach(() => rm(folder, { recursive: true }));
  const append = async (...seqs: readonly number[]): Promise<string> => {
    const sink = await fileSink(path);
    for (const seq of seqs) await sink.deliver(notice(seq));
    await sink.close();
    return readFile(path, "utf8");
  };

  it("stand one a line, after what was there", async () => {
    expect(await append(1, 2)).to.equal(line(1) + line(2));
    expect(await append(3)).to.equal(line(1) + line(2) + line(3));
  });

  it("torn by a crash at any byte, the line is taken away and comes again whole", async () => {
    for (let length = 2; length < line(2).length - 1; length++) {
      await writeFile(path, line(1) + line(2).slice(0, length));
      expect(await append(2), `${length}`).to.equal(line(1) + line(2));
    }
    // Whole but for its line feed: it stays, and comes once more under the same id.
    await writeFile(path, line(1) + line(2).trimEnd());
    expect(await append(2)).to.equal(line(1) + line(2) + line(2));
  });

  it("what is somebody else's is never taken away", async () => {
    for (const foreign of ["hello", "x".repeat(200_000), '{"a":1}', "\n\nhello"]) {
      await writeFile(path, foreign);
      expect(await append(1)).to.equal(`${foreign}\n${line(1)}`);
    }
  });

  it("go on where somebody else has written meanwhile", async () => {
    const sink = await fileSink(path);
    await sink.deliver(notice(1));
    await appendFile(path, "a remark\n");
    await sink.deliver(notice(2));
    await sink.close();
    expect(await readFile(path, "utf8")).to.equal(`${line(1)}a remark\n${line(2)}`);
  });
});

describe("notices to a webhook", () => {
  let server: Server;
  let url: string;
  let signer: Signer;
  let status: number;
  const got: { readonly request: IncomingMessage; readonly body: string }[] = [];
  before(async () => {
    signer = await openSigner({ jwk: await generateKey("EdDSA"), party: "urn:quanji:bureau" });
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
      request.on("end", () => {
        got.push({ request, body });
        response.writeHead(status, { location: "http://127.0.0.1:1/" }).end("taken");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?for=me`;
  });
  after(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => {
    got.length = 0;
    status = 204;
  });
  const post = async (seq: number, target = url, resolver?: () => Promise<readonly string[]>): Promise<string> => {
    const sink = webhookSink({ url: target, signer, allowPrivate: true, ...(resolver !== undefined && { resolver }) });
    try {
      await sink.deliver(notice(seq));
      return "taken";
    } catch (error) {
      return isQuanjiError(error) ? (error.detail ?? error.code) : String(error);
    } finally {
      await sink.close();
    }
  };

  it("are signed by the party's key, for that address and no other", async () => {
    expect(await post(1)).to.equal("taken");
    const [{ request, body } = { request: undefined, body: "" }] = got;
    expect([request?.method, request?.url, request?.headers["content-type"]]).to.deep.equal([
      "POST",
      "/hook?for=me",
      "application/jose+json",
    ]);
    const jws = parseAnswerJws(JSON.parse(body));
    expect(jws.header).to.deep.equal({ alg: "EdDSA", kid: signer.kid, typ: "quanji-notice+jws" });
    expect(jws.payload).to.deep.equal({ ...notice(1), to: url });
    const verify = signatureVerifier();
    expect(await verify(signer.jwk, jws.signingInput, jws.signature)).to.equal(true);
  });

  it("are taken with a 2xx and with nothing else; a redirect is not followed", async () => {
    for (const [answered, said] of [
      [200, "taken"],
      [301, "STATUS"],
      [302, "STATUS"],
      [404, "STATUS"],
      [500, "STATUS"],
    ] as const) {
      status = answered;
      expect(await post(1), `${answered}`).to.equal(said);
    }
    expect(got).to.have.length(5);
    expect(await post(1, "http://127.0.0.1:1/")).to.equal("CONNECTION");
  });

  it("never go to an address that may not be called, however it is written or resolved", async () => {
    const refused = (text: string, allowPrivate = false): string => {
      try {
        return parseWebhook(text, allowPrivate).href;
      } catch (error) {
        return isQuanjiError(error, "CONFIG_INVALID") ? (error.field ?? "") : String(error);
      }
    };
    for (const text of [
      "https://169.254.169.254/latest",
      "https://[fe80::1]/",
      "https://[::ffff:127.0.0.1]/",
      "https://0.0.0.0/",
      "https://0x7f000001/",
      "https://2130706433/",
      "https://127.1/",
      "https://10.0.0.1/",
      "https://[::1]/",
      "http://hooks.example/",
      "ftp://hooks.example/",
      "https://user:pass@hooks.example/",
      "nonsense",
    ]) {
      expect(refused(text), text).to.equal("notify");
    }
    expect(refused("https://hooks.example/x")).to.equal("https://hooks.example/x");
    expect(refused("http://127.0.0.1:9/", true)).to.equal("http://127.0.0.1:9/");
    expect(refused("http://169.254.169.254/", true)).to.equal("notify");
    const { port } = new URL(url);
    const named = `http://hooks.example:${port}/`;
    const to = (...addresses: readonly string[]) => post(1, named, () => Promise.resolve(addresses));
    expect(await to("169.254.169.254")).to.equal("ADDRESS_REFUSED");
    expect(await to("127.0.0.1", "169.254.169.254")).to.equal("ADDRESS_REFUSED");
    expect(await to()).to.equal("NAME_UNKNOWN");
    expect(await to("127.0.0.1")).to.equal("taken");
    const strict = webhookSink({
      url: "https://hooks.example/",
      signer,
      allowPrivate: false,
      resolver: () => Promise.resolve(["127.0.0.1"]),
    });
    const error: unknown = await strict.deliver(notice(1)).catch((thrown: unknown) => thrown);
    await strict.close();
    expect(isQuanjiError(error) && error.detail).to.equal("ADDRESS_REFUSED");
  });
});
