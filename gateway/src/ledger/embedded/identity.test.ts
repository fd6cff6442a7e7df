import { createPrivateKey, generateKeyPairSync, verify, X509Certificate } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import fc from "fast-check";
import { signLowS, verifyLowS } from "./ecdsa.js";
import { Membership, newSigner } from "./identity.js";
import { openOrganisations } from "./organisations.js";
import { Folders, HOLDER, NOW, random, REGULATOR, topology } from "./testing/open.js";

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const origin = { clock: () => NOW, random };

describe("low-s signatures", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  it("verify, with the lower s every time", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        const signature = signLowS(privateKey, data);
        expect(verifyLowS(publicKey, data, signature)).to.equal(true);
        expect(verifyLowS(publicKey, Buffer.concat([data, Uint8Array.of(0)]), signature)).to.equal(false);
      }),
      { numRuns: 50 },
    );
  });

  it("refuse the same signature with the higher s, which OpenSSL accepts", () => {
    const data = Buffer.from("data");
    const low = signLowS(privateKey, data);
    const sAt = 4 + (low[3] ?? 0) + 2;
    const s = BigInt(`0x${Buffer.from(low.subarray(sAt)).toString("hex")}`);
    const high = Buffer.concat([Uint8Array.of(0), Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex")]);
    const body = Buffer.concat([low.subarray(2, sAt - 2), Uint8Array.of(0x02, high.length), high]);
    const malleated = Buffer.concat([Uint8Array.of(0x30, body.length), body]);
    expect(verify("sha256", data, publicKey, malleated)).to.equal(true);
    expect(verifyLowS(publicKey, data, malleated)).to.equal(false);
  });

  it("answer false, and never throw, for what is no signature", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        expect(verifyLowS(publicKey, Uint8Array.of(1), noise)).to.equal(false);
      }),
    );
    const cut = signLowS(privateKey, Uint8Array.of(1)).subarray(0, -1);
    expect(verifyLowS(publicKey, Uint8Array.of(1), cut)).to.equal(false);
  });
});

describe("the organisations' keys", () => {
  const folders = new Folders();
  after(() => folders.clear());

  it("are made once, loaded afterwards, readable by the owner alone", async () => {
    const folder = await folders.make();
    const first = await openOrganisations(folder, topology, origin);
    const second = await openOrganisations(folder, topology, undefined);
    for (const [msp, { rootPem, peer, client }] of first.members) {
      expect(second.members.get(msp)?.rootPem).to.equal(rootPem);
      expect(Buffer.from(second.members.get(msp)!.peer.identity).equals(peer.identity)).to.equal(true);
      expect(Buffer.from(client.identity).equals(peer.identity)).to.equal(false);
    }
    for (const msp of await readdir(path.join(folder, "organisations"))) {
      for (const file of await readdir(path.join(folder, "organisations", msp))) {
        expect((await stat(path.join(folder, "organisations", msp, file))).mode & 0o777, file).to.equal(0o600);
      }
    }
  });

  it("name services, never people, and have no end", async () => {
    const folder = await folders.make();
    await openOrganisations(folder, topology, origin);
    const pem = await readFile(path.join(folder, "organisations", HOLDER, "client.pem"));
    const certificate = new X509Certificate(pem);
    expect(certificate.subject).to.equal("CN=client.holder\nOU=client\nO=holder");
    expect(certificate.validTo).to.equal("Dec 31 23:59:59 9999 GMT");
    expect(certificate.ca).to.equal(false);
  });

  it("are never made anew for a ledger that has blocks", async () => {
    const folder = await folders.make();
    const error: unknown = await openOrganisations(folder, topology, undefined).catch((reason: unknown) => reason);
    expect(isQuanjiError(error, "CONFIG_INVALID") && error.detail).to.equal("KEYS_MISSING");
  });

  it("left half made by a crash are made again", async () => {
    const folder = await folders.make();
    await mkdir(path.join(folder, "organisations.new", HOLDER), { recursive: true });
    await writeFile(path.join(folder, "organisations.new", HOLDER, "ca.pem"), "half");
    const { members } = await openOrganisations(folder, topology, origin);
    expect(members.get(HOLDER)?.rootPem).to.match(/^-----BEGIN CERTIFICATE-----/);
    expect(await readdir(folder)).to.deep.equal(["organisations"]);
  });
});

describe("membership", () => {
  const folders = new Folders();
  after(() => folders.clear());
  const data = Buffer.from("data");

  it("takes a peer for a peer and a client for a client, under its own root only", async () => {
    const { members } = await openOrganisations(await folders.make(), topology, origin);
    const strangers = await openOrganisations(await folders.make(), topology, origin);
    const membership = new Membership(new Map([...members].map(([msp, { rootPem }]) => [msp, rootPem])));
    const { peer, client } = members.get(HOLDER)!;
    expect(membership.identify(peer.identity)).to.include({ msp: HOLDER, role: "peer" });
    expect(membership.identify(client.identity)).to.include({ msp: HOLDER, role: "client" });
    expect(membership.verify(peer.identity, "peer", data, peer.sign(data))?.msp).to.equal(HOLDER);
    expect(membership.verify(client.identity, "peer", data, client.sign(data))).to.equal(undefined);
    expect(membership.verify(peer.identity, "peer", data, client.sign(data))).to.equal(undefined);
    expect(membership.identify(strangers.members.get(HOLDER)!.peer.identity)).to.equal(undefined);
  });

  it("refuses a certificate under another organisation's name, and a root as an identity", async () => {
    const folder = await folders.make();
    const { members } = await openOrganisations(folder, topology, origin);
    const membership = new Membership(new Map([...members].map(([msp, { rootPem }]) => [msp, rootPem])));
    const home = path.join(folder, "organisations", HOLDER);
    const key = createPrivateKey(await readFile(path.join(home, "peer.key")));
    const borrowed = newSigner(REGULATOR, await readFile(path.join(home, "peer.pem"), "utf8"), key);
    expect(membership.identify(borrowed.identity)).to.equal(undefined);
    const root = newSigner(HOLDER, members.get(HOLDER)!.rootPem, key);
    expect(membership.identify(root.identity)).to.equal(undefined);
    expect(membership.identify(Uint8Array.of(1, 2, 3))).to.equal(undefined);
  });
});
