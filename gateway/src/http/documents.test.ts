import type { ServerResponse } from "node:http";
import { generateKeyPairSync, sign } from "node:crypto";
import { instant, type PublicDocument } from "@quanji/chaincode/domain";
import { parsePublicJwk, sha256Text, thumbprint } from "@quanji/chaincode/log";
import { decodeBits, flattenedOf, isSet, parseSigned } from "@quanji/client/documents";
import { openStatusList, type OpenedTrust } from "@quanji/client/verify";
import { expect } from "chai";
import { Answers } from "./answers.js";
import { codeOf } from "./document-page.js";
import { sendDocumentPage, sendStatusList } from "./documents.js";
import type { Edge } from "./edge.js";
import { Harness } from "./testing/harness.js";

const CODE = "0123456789ABCDEFGHJKMNPQRS";
const ISSUER = "91330000MAQJ004317";
const NOW = Date.parse("2026-04-02T01:00:00.000Z");
const PUBLIC_URL = "https://gateway.example";
const AT = { request: sha256Text("request"), time: "2026-04-01T01:00:00.000Z", tx: "ab" };

const document = (over: Partial<PublicDocument> = {}): PublicDocument => ({
  v: "quanji.document.v1",
  kind: "invoice",
  state: "issued",
  digest: sha256Text("digest"),
  issuer: ISSUER,
  at: AT,
  ...over,
});

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const { kty, crv, x } = publicKey.export({ format: "jwk" });
const jwk = parsePublicJwk({ kty, crv, x });
const kid = `gw#${thumbprint(jwk)}`;

function edgeOf(documents: ReadonlyMap<string, PublicDocument>, revoked: readonly number[] = [], next = 0): Edge {
  return {
    settings: { net: "quanji.test/city", gateway: "gw", publicUrl: PUBLIC_URL },
    clock: () => NOW,
    readModel: {
      clockOffsetMs: () => Promise.resolve(0),
      document: (code: string) => Promise.resolve(documents.get(code)),
      statuses: () => Promise.resolve(next),
      revokedStatuses: () => Promise.resolve(revoked),
    },
    answers: new Answers({ kid, alg: "EdDSA", sign: (data) => new Uint8Array(sign(null, data, privateKey)) }),
  } as unknown as Edge;
}

interface Caught {
  status: number;
  text: string;
  readonly headers: Record<string, unknown>;
}

async function answer(send: (response: ServerResponse) => Promise<void>): Promise<Caught> {
  const caught: Caught = { status: 0, text: "", headers: {} };
  const response = {
    set statusCode(status: number) {
      caught.status = status;
    },
    setHeader: (name: string, value: unknown) => void (caught.headers[name] = value),
    writeHead: (status: number, headers: Record<string, unknown> = {}) => {
      caught.status = status;
      Object.assign(caught.headers, headers);
      return response;
    },
    end: (text: string) => void (caught.text = text),
  };
  await send(response as unknown as ServerResponse);
  return caught;
}

describe("http: a document's page", () => {
  const page = (found: PublicDocument | undefined, code = CODE) =>
    answer((response) =>
      sendDocumentPage(edgeOf(new Map(found === undefined ? [] : [[CODE, found]])), response, { code }),
    );

  it("says state, issuer, time and digest, in both languages, and nothing that costs or names", async () => {
    const { status, text } = await page(document({ kind: "certificate", state: "valid" }));
    expect(status).to.equal(200);
    for (const said of [
      "有效",
      "Valid",
      ISSUER,
      AT.time,
      sha256Text("digest"),
      "0123 4567 89AB",
      "2026-04-02T01:00:00.000Z",
    ]) {
      expect(text, said).to.include(said);
    }
    expect(text).not.to.match(/<script|https?:\/\//);
  });

  it("has a state for each that there is", async () => {
    for (const [state, word] of [
      ["issued", "已开具"],
      ["credited", "红字"],
      ["settled", "已结清"],
      ["revoked", "已撤销"],
    ] as const) {
      expect((await page(document({ state }))).text).to.include(word);
    }
  });

  it("takes a code as people type it", async () => {
    expect((await page(document(), "0123-4567-89ab-cdef-ghjk-mnpq-rs")).status).to.equal(200);
    expect(codeOf("O123456789ABCDEFGHJKMNPQRS")).to.equal(CODE);
    expect(codeOf("x".repeat(1000))).to.equal(undefined);
  });

  it("says unknown to a code that nothing has, and repeats no markup", async () => {
    const { status, text } = await page(undefined, `"><img src=x onerror=alert(1)>`);
    expect(status).to.equal(404);
    expect(text).to.include("未知").and.not.include("<img");
  });

  it("is served under the gateway's content policy, and absent codes are 404", async () => {
    const gateway = await Harness.open();
    try {
      const reply = await gateway.send({ path: `/documents/${CODE}` });
      expect([reply.status, reply.text.includes("Unknown")]).to.deep.equal([404, true]);
      expect((await gateway.send({ path: `/v1/documents/${CODE}` })).status).to.equal(404);
      expect((await gateway.send({ path: `/v1/statuses/${ISSUER}` })).status).to.equal(404);
    } finally {
      await gateway.close();
    }
  });
});

describe("http: an issuer's status list", () => {
  const trust = (): OpenedTrust =>
    ({
      nowMs: NOW,
      gateways: [{ name: "gw", kid, jwk, publicUrl: PUBLIC_URL, log: "quanji.test/city/gw/0", from: 0, to: undefined }],
    }) as unknown as OpenedTrust;

  it("is a credential of this gateway, which the verifier opens, with the bits of what is revoked", async () => {
    const edge = edgeOf(new Map(), [0, 9], 12);
    const { status, text, headers } = await answer((response) => sendStatusList(edge, response, { issuer: ISSUER }));
    expect(status).to.equal(200);
    expect(headers["cache-control"]).to.equal("public, max-age=60");
    const list = await openStatusList(text, trust());
    expect(list).to.include({ url: `${PUBLIC_URL}/v1/statuses/${ISSUER}`, gateway: "gw", validFrom: instant(NOW) });
    const { credentialSubject } = parseSigned(flattenedOf(text)).payload as {
      credentialSubject: { encodedList: string };
    };
    const bits = await decodeBits(credentialSubject.encodedList);
    expect([0, 1, 8, 9, 10].filter((index) => isSet(bits, index))).to.deep.equal([0, 9]);
  });

  it("is not there for who has issued nothing", async () => {
    const told = await sendStatusList(edgeOf(new Map()), undefined as unknown as ServerResponse, {
      issuer: ISSUER,
    }).then(
      () => "sent",
      (error: unknown) => (error as { code?: string }).code,
    );
    expect(told).to.equal("NOT_FOUND");
  });
});
