import { Trust, TRUST_LIMITS, TrustFile } from "@quanji/chaincode/domain";
import { formatVkey, fromBase64url, parseCanonical, sha256Text, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { LOG, MSP, NET, OTHER_LOG, Story } from "../readmodel/story.test.js";
import { Bench, collect, expectCode } from "../readmodel/support.test.js";
import { verify } from "./support.test.js";
import { makeTrust, trustDigest, type TrustOptions } from "./trust.js";

describe("the trust file", () => {
  const bench = new Bench();
  let story: Story;
  let index: LedgerIndex;
  let options: TrustOptions;

  before(async () => {
    story = new Story();
    await story.begin();
    index = await bench.upToDate(story.ledger);
    options = {
      index,
      ledger: story.ledger,
      organisations: {
        RegulatorMSP: { name: "regulator", roots: ["AAAA"] },
        [MSP]: { name: "holder", roots: ["BBBB"] },
        ExchangeMSP: { name: "exchange", roots: [] },
      },
      heads: { key: story.heads.key, msp: MSP },
      expires: "2027-03-02T00:00:00.000Z",
      signers: [{ kid: story.regulator.kid, jwk: story.regulator.jwk, sign: story.regulator.sign }],
      threshold: 1,
      witnesses: [],
      quorum: 0,
    };
  });
  after(() => bench.clean());

  const payloadOf = (file: TrustFile): Trust => Trust.parse(parseCanonical(fromBase64url(file.payload), TRUST_LIMITS));

  it("is a General JWS by each signer, over a canonical payload of the schema", async () => {
    const file = TrustFile.parse(await makeTrust(options));
    payloadOf(file);
    const [signature] = file.signatures;
    const data = utf8(`${signature!.protected}.${file.payload}`);
    expect(await verify(story.regulator.jwk, data, fromBase64url(signature!.signature))).to.equal(true);
    expect(parseCanonical(fromBase64url(signature!.protected))).to.deep.equal({
      alg: "EdDSA",
      kid: story.regulator.kid,
      typ: "quanji-trust+jws",
    });
  });

  it("names each block that holds a configuration once, the first among them", async () => {
    const { genesis, configs } = payloadOf(await makeTrust(options));
    expect(configs).to.deep.equal([genesis]);
    const other = "A".repeat(43);
    const changed = payloadOf(await makeTrust({ ...options, configs: [genesis, other] }));
    expect(changed.configs).to.deep.equal([genesis, other]);
  });

  it("names what the ledger begins with: block 0, network.init and its regulator", async () => {
    const trust = payloadOf(await makeTrust(options));
    const [init] = await collect(index.commands({ scope: NET, kind: "directory", id: NET }));
    expect(trust.genesis).to.equal(story.ledger.made[0]?.hash);
    expect(trust.init).to.equal((JSON.parse(init!.stored.entry) as { request: string }).request);
    expect(trust).to.include({
      version: 1,
      net: NET,
      regulator: story.regulator.party,
      testClock: false,
      timeZone: "+08:00",
    });
    expect(trust).to.not.have.property("prev");
  });

  it("holds each log's key and gateway from size 0, and the heads key under its organisation's name", async () => {
    const trust = payloadOf(await makeTrust(options));
    expect(trust.logs).to.deep.equal([LOG, OTHER_LOG].map((origin) => ({ origin, org: "holder" })));
    const vkeys = [LOG, OTHER_LOG].map((log) => formatVkey(story.logs[log as typeof LOG].key));
    expect(trust.keys.map(({ vkey }) => vkey)).to.deep.equal(vkeys);
    expect(trust.gateways.map(({ log, name, from }) => [log, name, from])).to.deep.equal([
      [LOG, "gw", 0],
      [OTHER_LOG, "gw", 0],
    ]);
    expect(trust.heads).to.deep.equal({ holder: formatVkey(story.heads.key) });
    expect(trust.msps).to.deep.equal({ regulator: ["AAAA"], holder: ["BBBB"], exchange: [] });
    expect(trust.policy).to.equal(`log ${vkeys[0]}\nlog ${vkeys[1]}\nquorum none\n`);
  });

  it("has the digest of its payload's bytes, whoever signed", async () => {
    const file = await makeTrust(options);
    expect(trustDigest(file)).to.equal(sha256Text(Buffer.from(file.payload, "base64url").toString()));
    const other = await makeTrust({ ...options, expires: "2028-03-02T00:00:00.000Z" });
    expect(trustDigest(other)).to.not.equal(trustDigest(file));
  });

  it("is refused without a network, and for an organisation that nobody names", async () => {
    const empty = await bench.upToDate(new Story().ledger);
    await expectCode(makeTrust({ ...options, index: empty }), "NOT_FOUND");
    const { [MSP]: _holder, ...organisations } = options.organisations;
    await expectCode(makeTrust({ ...options, organisations }), "CONFIG_INVALID");
  });
});
