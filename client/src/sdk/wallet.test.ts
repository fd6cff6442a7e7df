import { QuanjiError } from "@quanji/chaincode/domain";
import {
  addressOf,
  ethereumKeyOf,
  parseCommandJws,
  possessionBytes,
  fromBase64url,
  signedBytes,
  type TypedData,
  verifyTyped,
} from "@quanji/chaincode/log";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { expect } from "chai";
import {
  Client,
  completeDraft,
  KEY_REQUEST,
  parseWalletSignature,
  possession,
  walletKey,
  walletSigner,
} from "./index.js";
import { FakeGateway, GRANT, NET } from "./fake-gateway.test.js";
import { walletOf } from "./fake-wallet.test.js";

const PARTY = "urn:quanji:owner";
const secret = new Uint8Array(32).fill(7);
const jwk = ethereumKeyOf(secret);
const ORDER = secp256k1.Point.Fn.ORDER;

const refusalOf = async (work: () => unknown): Promise<QuanjiError> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof QuanjiError) return error;
    throw error;
  }
  throw new Error("not refused");
};

describe("wallets", () => {
  const ask = walletOf(secret);
  const other = walletOf(new Uint8Array(32).fill(8));

  it("a signature is taken with and without v, in either spelling of s, and nothing else is", async () => {
    const text = ask(KEY_REQUEST);
    const { signature, recovery } = parseWalletSignature(text);
    const v = Number.parseInt(text.slice(-2), 16);
    expect(parseWalletSignature(text.slice(2).toUpperCase())).to.deep.equal({ signature, recovery });
    expect(parseWalletSignature(`${text.slice(0, -2)}0${v - 27}\n`)).to.deep.equal({ signature, recovery });
    expect(parseWalletSignature(text.slice(0, -2))).to.deep.equal({ signature });
    const high = (ORDER - BigInt(`0x${text.slice(66, 130)}`)).toString(16).padStart(64, "0");
    const flipped = `${text.slice(0, 66)}${high}${(55 - v).toString(16)}`;
    expect(parseWalletSignature(flipped)).to.deep.equal({ signature: Uint8Array.from(signature), recovery });
    for (const wrong of [
      "",
      "0x",
      text.slice(0, -4),
      `${text}00`,
      text.replace("0x", "0y"),
      `${text.slice(0, -2)}1d`,
    ]) {
      const error = await refusalOf(() => parseWalletSignature(wrong));
      expect([error.code, error.detail]).to.deep.equal(["MALFORMED", "JWS_SHAPE"]);
    }
  });

  it("tell their key by signing what orders nothing", async () => {
    expect(walletKey(ask(KEY_REQUEST))).to.deep.equal(jwk);
    expect(walletKey(ask(KEY_REQUEST).slice(0, -2), addressOf(jwk).toUpperCase().replace("X", "x"))).to.deep.equal(jwk);
    expect((await refusalOf(() => walletKey(ask(KEY_REQUEST).slice(0, -2)))).message).to.include("two accounts");
    expect((await refusalOf(() => walletKey(other(KEY_REQUEST), addressOf(jwk)))).code).to.equal("MALFORMED");
    expect((await refusalOf(() => walletKey(`0x${"ff".repeat(64)}1b`))).code).to.equal("MALFORMED");
  });

  it("prove possession of a key that is to be registered", async () => {
    const proof = await possession(NET, walletSigner({ jwk, party: PARTY }, ask));
    expect(verifyTyped(jwk, possessionBytes(NET, PARTY, jwk), fromBase64url(proof))).to.equal(true);
  });

  describe("and a gateway", () => {
    let gateway: FakeGateway;
    beforeEach(async () => {
      gateway = await FakeGateway.start();
    });
    afterEach(() => gateway.close());
    const connect = (wallet: (data: TypedData) => string): Promise<Client> =>
      Client.connect({ gateway: gateway.address, key: walletSigner({ jwk, party: PARTY }, wallet) });

    it("a wallet is shown the command member by member, and what it signs is sent", async () => {
      const shown: TypedData[] = [];
      const client = await connect((data) => {
        shown.push(data);
        return ask(data);
      });
      const before = Math.floor(Date.now() / 1000);
      await client.grants.approve(GRANT);
      const [call] = gateway.callsOf("grant.approve");
      expect(verifyTyped(jwk, signedBytes(call!.parsed), call!.parsed.signature)).to.equal(true);
      expect(shown).to.have.length(1);
      expect(shown[0]?.message).to.deep.include({ verb: "grant.approve", net: NET });
      expect(shown[0]?.message["payload"]).to.deep.equal([`grant: "${GRANT}"`, `net: "${NET}"`]);
      expect(call!.parsed.header.iat - before).to.be.within(30, 40); // time to read
    });

    it("another account's signature is refused before anything is sent, naming it", async () => {
      const error = await refusalOf(async () => (await connect(other)).grants.approve(GRANT));
      expect(error.code).to.equal("SIGNATURE_INVALID");
      expect(error.message).to.include(addressOf(ethereumKeyOf(new Uint8Array(32).fill(8))));
      expect(gateway.calls).to.deep.equal([]);
    });

    it("a draft is completed with what a wallet elsewhere has signed, commitments and all", async () => {
      const client = await connect(() => {
        throw new Error("not asked");
      });
      const { draft, typedData } = client.prepare("grant.refuse", { grant: GRANT }, { ground: { value: "not ours" } });
      const stored: unknown = JSON.parse(JSON.stringify(draft));
      const { verb, signed, party } = await completeDraft(stored, ask(typedData));
      expect([verb, party]).to.deep.equal(["grant.refuse", PARTY]);
      await client.sendSigned(verb, signed);
      const [call] = gateway.callsOf("grant.refuse");
      expect((call!.openings!["ground"] as { value: string }).value).to.equal("not ours");
      expect(parseCommandJws(signed.jws).request).to.equal(signed.request);
      const without = await completeDraft(stored, ask(typedData).slice(0, -2)); // 64 bytes: the key says which
      expect(without.jwk).to.deep.equal(jwk);
    });

    it("a draft that was changed, or signed by another account, is refused", async () => {
      const client = await connect(ask);
      const { draft, typedData } = client.prepare("grant.approve", { grant: GRANT });
      const signature = ask(typedData);
      const changed = { ...draft, payload: { ...draft.payload, grant: NET } };
      for (const [input, by] of [
        [changed, signature],
        [{ ...draft, header: { ...draft.header, iat: draft.header.iat + 1 } }, signature],
        [draft, other(typedData)],
      ] as const) {
        expect((await refusalOf(() => completeDraft(input, by))).code).to.equal("SIGNATURE_INVALID");
      }
      for (const input of [undefined, [], {}, { ...draft, v: "quanji.draft.v2" }, { ...draft, more: 1 }]) {
        expect((await refusalOf(() => completeDraft(input, signature))).code).to.equal("MALFORMED");
      }
    });

    it("only an Ethereum key's commands are prepared for a wallet, and only those of persons", async () => {
      const client = await connect(ask);
      const error = await refusalOf(() => client.prepare("grant.approve", { grant: GRANT, also: "this" }));
      expect([error.code, error.field]).to.deep.equal(["MALFORMED", "also"]);
      const voided = await refusalOf(() => client.send("access.void", { log: `${NET}/gw/0`, seq: 1 }));
      expect([voided.code, voided.detail]).to.deep.equal(["MALFORMED", "ALG_FORBIDDEN"]);
    });
  });
});
