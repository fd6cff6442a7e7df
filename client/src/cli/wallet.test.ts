import { stat, writeFile } from "node:fs/promises";
import { addressOf, ethereumKeyOf, type TypedData, typedPossession } from "@quanji/chaincode/log";
import { expect } from "chai";
import { FakeGateway, GRANT, NET } from "../sdk/fake-gateway.test.js";
import { KEY_REQUEST, kidOf, openSigner, readKeyFile } from "../sdk/index.js";
import { walletOf } from "../sdk/fake-wallet.test.js";
import { Desk } from "./io.test.js";

const OWNER = "91440300MAQJ0001XF";
const secret = new Uint8Array(32).fill(9);
const jwk = ethereumKeyOf(secret);
const sign = walletOf(secret);

describe("quanji wallet", () => {
  let desk: Desk;
  let gateway: FakeGateway;
  beforeEach(async () => {
    desk = await Desk.open();
    gateway = await FakeGateway.start();
    desk.env["QUANJI_GATEWAY"] = gateway.address;
  });
  afterEach(async () => {
    await gateway.close();
    await desk.close();
  });

  const keyed = (...more: readonly string[]) =>
    desk.run([
      "wallet",
      "key",
      "--signature",
      sign(KEY_REQUEST),
      "--out",
      "owner.jwk",
      "--party",
      OWNER,
      "--json",
      ...more,
    ]);

  it("key prints what is to be signed, and writes the public key of whoever signed it", async () => {
    const { out } = await desk.run(["wallet", "key"]);
    expect(JSON.parse(out)).to.deep.equal(KEY_REQUEST);
    expect((await keyed()).json).to.include({ address: addressOf(jwk), party: OWNER, alg: "EIP712" });
    expect((await keyed()).exitCode).to.equal(2); // never over another
    const wrong = await desk.run([
      "wallet",
      "key",
      "--signature",
      sign(typedPossession(NET, OWNER, jwk)),
      "--address",
      addressOf(jwk),
      "--out",
      "b.jwk",
    ]);
    expect(wrong.exitCode).to.equal(1);
  });

  it("prepare prints typed data and keeps a private draft; send completes it", async () => {
    await keyed();
    desk.env["QUANJI_KEY"] = "owner.jwk";
    await writeFile(desk.path("approve.json"), `{"grant":"${GRANT}"}`);
    const prepared = await desk.run(["wallet", "prepare", "grant.approve", "approve.json", "--draft", "d.json"]);
    expect([prepared.exitCode, prepared.err.includes("quanji wallet send d.json")]).to.deep.equal([0, true]);
    expect((await stat(desk.path("d.json"))).mode & 0o777).to.equal(0o600);
    expect(gateway.calls).to.deep.equal([]);
    const signature = sign(JSON.parse(prepared.out) as TypedData);
    const sent = await desk.run(["wallet", "send", "d.json", "--signature", signature, "--json"]);
    expect(sent.json).to.include({ party: OWNER, block: 7 });
    const [call] = gateway.callsOf("grant.approve");
    expect(call?.parsed.header).to.include({ alg: "EIP712", kid: kidOf(OWNER, jwk) });
    expect((await desk.run(["wallet", "send", "approve.json", "--signature", signature])).exitCode).to.equal(1);
    expect((await desk.run(["wallet", "send", "d.json"])).exitCode).to.equal(2);
  });

  it("prepare fills in the key of who registers, and its party", async () => {
    await keyed();
    desk.typed = '{"kind":"org","name":"Owner","roles":["holder"],"jurisdiction":"CN","home":"HolderMSP"}';
    await writeFile(desk.path("head.json"), '{"responsibleHead":{"value":{"name":"Li Lei","title":"director"}}}');
    const prepared = await desk.run([
      ...["wallet", "prepare", "party.register", "-", "--key", "owner.jwk"],
      ...["--draft", "d.json", "--openings", "head.json"],
    ]);
    expect(prepared.exitCode, prepared.err).to.equal(0);
    const { message } = JSON.parse(prepared.out) as TypedData;
    expect(message["payload"]).to.include.members([`key/jwk/x: "${jwk.x}"`, `party: "${OWNER}"`, 'key/purpose: "act"']);
  });

  it("keys new makes an Ethereum key in a file as well; a wallet's file holds no private key", async () => {
    const made = await desk.run(["keys", "new", "--out", "own.jwk", "--alg", "EIP712", "--party", OWNER, "--json"]);
    expect(made.json).to.include({ alg: "EIP712" });
    expect((await stat(desk.path("own.jwk"))).mode & 0o777).to.equal(0o600);
    expect((await desk.run(["keys", "show", "own.jwk", "--json"])).json).to.include({ alg: "EIP712" });
    const key = await readKeyFile(desk.path("own.jwk"));
    expect((await openSigner({ jwk: key.jwk, party: OWNER })).alg).to.equal("EIP712");
    const typed = JSON.stringify({ grant: GRANT });
    desk.typed = typed;
    expect((await desk.run(["send", "grant.approve", "-", "--key", "own.jwk"])).exitCode).to.equal(0);
    expect(gateway.callsOf("grant.approve")[0]?.parsed.header.alg).to.equal("EIP712");
    await keyed();
    const refused = await desk.run(["send", "grant.approve", "-", "--key", "owner.jwk"]);
    expect([refused.exitCode, refused.err.includes("private key")]).to.deep.equal([2, true]);
    const ed25519 = await desk.run(["keys", "new", "--out", "ed.jwk", "--party", OWNER]);
    expect(ed25519.exitCode).to.equal(0);
    const wrong = await desk.run(["wallet", "prepare", "grant.approve", "-", "--key", "ed.jwk", "--draft", "x.json"]);
    expect([wrong.exitCode, wrong.err.includes("quanji wallet key")]).to.deep.equal([2, true]);
  });
});
