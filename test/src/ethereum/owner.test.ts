/** An owner whose key is in an Ethereum wallet, from registration to a verified trail; ethers is the wallet. */
import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { EthereumJwk, TypedData } from "@quanji/chaincode/log";
import { heldBy, WEATHER, weatherField } from "@quanji/chaincode/testing";
import {
  type AskWallet,
  Client,
  completeDraft,
  generateKey,
  KEY_REQUEST,
  openSigner,
  type Signer,
  walletKey,
  walletSigner,
} from "@quanji/client";
import { verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { hexlify, Wallet } from "ethers";
import type { LocalHost } from "../support/host.js";
import { QUANJI, runProgram } from "../support/program.js";
import { IDS, RESOURCE, sourcesOf, Stage, TERMS } from "../support/stage.js";
import { refused } from "../support/until.js";

const OWNER = "urn:quanji:owner";
const OWNED = "res/owned.daily";

/** As an application hands typed data to a wallet. */
const askOf =
  (wallet: Wallet): AskWallet =>
  (data: TypedData) => {
    const { EIP712Domain: _domain, ...types } = JSON.parse(JSON.stringify(data.types)) as Record<
      string,
      { name: string; type: string }[]
    >;
    return wallet.signTypedData(data.domain, types, data.message);
  };

describe("an owner with an Ethereum key", () => {
  const wallet = new Wallet(hexlify(createHash("sha256").update("the owner's wallet").digest()));
  let stage: Stage<LocalHost>;
  let jwk: EthereumJwk;
  let signer: Signer;
  let owner: Client;

  before(async () => {
    stage = await Stage.open({
      configFor: (source) => {
        const { sources } = sourcesOf(source) as { sources: readonly object[] };
        return { sources: [...sources, ...sources.map((one) => ({ ...one, resource: OWNED, steward: OWNER }))] };
      },
    });
    jwk = walletKey(await askOf(wallet)(KEY_REQUEST), wallet.address);
    signer = walletSigner({ jwk, party: OWNER }, askOf(wallet));
    owner = await connect(signer);
    await owner.parties.register({
      kind: "org",
      name: "Owner",
      roles: ["holder", "user"],
      jurisdiction: "CN",
      home: "HolderMSP",
      responsibleHead: { name: "Zhao Min", title: "director" },
    });
    await (await stage.client("regulator")).parties.admit(OWNER, ["holder", "user"]);
    await owner.resources.register({
      ...WEATHER,
      resource: OWNED,
      responsibleHead: { name: "Zhao Min", title: "director" },
      fields: [weatherField("day", "date"), weatherField("city", "string"), weatherField("rain", "number")],
      rights: heldBy(OWNER),
    });
  });
  after(async () => {
    await owner.close();
    await stage.close();
  });

  const connect = async (key: Signer): Promise<Client> =>
    Client.connect({ gateway: stage.host.address, key, trust: await stage.trust(), clock: stage.host.clock });
  const request = async (): Promise<string> =>
    (await (await stage.client("insurer")).grants.request({ resource: OWNED, depth: 0, terms: TERMS })).grant;
  const use = async (grant: string): Promise<string> =>
    (await stage.use("insurer", { ...stage.access(grant), resource: OWNED })).outcome;
  async function trailOf(grant: string): Promise<string> {
    let text = "";
    for await (const line of owner.trail("grant", grant)) text += `${line}\n`;
    return text;
  }

  it("approves, and stops alone; the grant's trail verifies offline, every decision replayed", async () => {
    const grant = await request();
    await owner.grants.approve(grant);
    expect(await use(grant)).to.equal("permit");
    await owner.grants.revoke(grant, "the season is over");
    expect(await use(grant)).to.equal("GRANT_REVOKED");
    const text = await trailOf(grant);
    expect(text).to.include(Buffer.from('{"alg":"EIP712"').toString("base64url").slice(0, 18));
    const verdict = await verifyTrail(text, await stage.trust(), { replay: "all" });
    expect(verdict).to.include({ ok: true });
    const file = path.join(stage.host.data, "owned.trail.ndjson");
    await writeFile(file, text);
    const ran = await runProgram([QUANJI, "verify", file, "--trust", stage.trustFile, "--replay", "all", "--json"]);
    expect(ran.exitCode, ran.err).to.equal(0);
  });

  it("signs a draft elsewhere, and it is taken once, however often it is sent", async () => {
    const grant = await request();
    const { draft, typedData } = owner.prepare("grant.approve", { grant });
    const { verb, signed } = await completeDraft(JSON.parse(JSON.stringify(draft)), await askOf(wallet)(typedData));
    const sent = await owner.sendSigned(verb, signed);
    expect(sent.request).to.equal(signed.request);
    expect(await use(grant)).to.equal("permit");
    const again = await owner.sendSigned(verb, signed);
    expect([again.block, again.txId]).to.deep.equal([sent.block, sent.txId]);
  });

  it("the gateway refuses what the chaincode would: other signatures, and accesses", async () => {
    const grant = await request();
    const url = "/v1/commands/grant.approve";
    const right = await stage.sign(signer, "grant.approve", url, { grant });
    const other = await stage.sign(signer, "grant.approve", url, { grant });
    for (const jws of [
      { ...right.jws, signature: other.jws.signature },
      { ...right.jws, payload: Buffer.from(`{"grant":"${randomUUID()}","net":"x"}`).toString("base64url") },
      { ...right.jws, protected: other.jws.protected },
    ]) {
      const { status, text } = await stage.post(url, { jws });
      const { payload } = JSON.parse(text) as { payload: string };
      expect(status).to.equal(401);
      expect(Buffer.from(payload, "base64url").toString()).to.include('"code":"SIGNATURE_INVALID"');
    }
    const read = await stage.post(`/v1/grants/${grant}`, await stage.sign(signer, "read", `/v1/grants/${grant}`, {}));
    expect(read.status).to.equal(200);
    await refused(owner.access({ ...stage.access(grant), resource: OWNED }), "MALFORMED");
  });

  it("adds a key for programs, which accesses are signed with; and one in a file", async () => {
    const program = await openSigner({ jwk: await generateKey("EdDSA"), party: OWNER });
    await owner.parties.rotateKey(program);
    const file = await openSigner({ jwk: await generateKey("EIP712"), party: OWNER });
    await (await connect(program)).parties.rotateKey(file);
    const second = await connect(file);
    const grant = await request();
    await second.grants.approve(grant);
    await second.grants.suspend(grant, "a pause");
    expect(await use(grant)).to.equal("GRANT_SUSPENDED");
    await second.grants.resume(grant);
    expect(await use(grant)).to.equal("permit");
    const verdict = await verifyTrail(await trailOf(grant), await stage.trust(), { replay: "all" });
    expect(verdict).to.include({ ok: true });
    const bureau = await (await stage.client("bureau")).resources.get(RESOURCE);
    expect(bureau.steward).to.equal(IDS.bureau);
    await second.close();
  });
});
