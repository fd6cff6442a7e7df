import { instant, type Trust } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import {
  GROUPS as groups,
  ON_POLICIES,
  ON_TRUST,
  TWO_OF_THREE as policy,
  WITNESSES,
  witnesses,
} from "./attacks-trust.support.test.js";
import { isQuorum, openTrust, parsePolicy, verifyReceipt, verifyTrail } from "./index.js";
import {
  HEADS,
  LOG,
  LOG_KEYS,
  noteSigner,
  PARTIES,
  signer,
  SmallWorld,
  START,
  TRUST_SIGNER,
  trustFile,
} from "./support.test.js";
import { refusalOf, type Verdict } from "./verdict.js";

/** Fine code of what `action` is refused with; `ok` if it is not. */
export async function detailOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return "ok";
  } catch (error) {
    return refusalOf(error).detail;
  }
}

describe("witness policy", () => {
  it("without a quorum nobody but the operator vouches", () => {
    const policy = parsePolicy(`# a comment\n\nlog ${LOG_KEYS[LOG]!.vkey}\nquorum none\n`);
    expect(policy).to.include({ quorum: undefined, withstands: 0 });
    expect(isQuorum(policy, new Set(["a"]))).to.equal(false);
  });

  it("withstands 2m − n − 1 bad organisations", () => {
    for (const [m, n, withstands] of [
      [1, 1, 0],
      [2, 2, 1],
      [2, 3, 0],
      [3, 3, 2],
      [3, 4, 1],
      [4, 5, 2],
    ] as const) {
      const names = Array.from({ length: n }, (_, i) => `w${i}`);
      const lines = names.map(
        (name) => `witness ${name} ${noteSigner(`${name}.test/w`, 4).vkey} https://${name}.test\n`,
      );
      const policy = parsePolicy(`${lines.join("")}group g ${m} ${names.join(" ")}\nquorum g\n`);
      expect(policy.withstands).to.equal(withstands);
      expect(isQuorum(policy, new Set(names.slice(0, m)))).to.equal(true);
      expect(isQuorum(policy, new Set(names.slice(0, m - 1)))).to.equal(false);
    }
  });

  it("counts groups within groups, and a witness alone", () => {
    const policy = parsePolicy(`${WITNESSES}${groups}group orgs 2 oa ob oc\nquorum orgs\n`);
    expect(isQuorum(policy, new Set(["a", "c"]))).to.equal(true);
    expect(isQuorum(policy, new Set(["oa", "oc"]))).to.equal(true);
    expect(isQuorum(policy, new Set(["a"]))).to.equal(false);
    expect(isQuorum(parsePolicy(`${WITNESSES}quorum b\n`), new Set(["b"]))).to.equal(true);
  });

  for (const [name, text, detail] of ON_POLICIES) {
    it(`refuses ${name}`, async () => expect(await detailOf(() => parsePolicy(text))).to.equal(detail));
  }
});

describe("trust file", () => {
  let world: SmallWorld;
  before(async () => (world = await new SmallWorld().begin()));
  const now = START + 1000;
  const open = (
    payload: unknown,
    options: Partial<Parameters<typeof openTrust>[1]> = {},
    signers?: Parameters<typeof trustFile>[1],
  ) => detailOf(() => openTrust(trustFile(payload, signers), { now, ...options }));
  const other = signer("another signer", "ES256");
  const otherSigner = { kid: `${PARTIES.regulator.id}#${other.print}`, key: other };
  const own = { kid: `${PARTIES.regulator.id}#${TRUST_SIGNER.print}`, key: TRUST_SIGNER };

  it("opens, as text and as bytes, with a final line feed or none", async () => {
    const file = trustFile(world.trustPayload());
    const opened = await openTrust(file, { now });
    expect(opened).to.include({ requiredLevel: "committed", singleOperator: true });
    for (const same of [`${file}\n`, utf8(file), utf8(`${file}\n`)]) {
      expect((await openTrust(same, { now, digest: opened.digest })).digest).to.equal(opened.digest);
    }
  });

  it("69 refuses another digest than the pinned one", async () => {
    expect(await open(world.trustPayload(), { digest: "A".repeat(43) })).to.equal("TRUST_DIGEST");
  });

  it("70 refuses an expired file", async () => {
    expect(await open(world.trustPayload({ expires: instant(now) }))).to.equal("TRUST_EXPIRED");
  });

  it("70 refuses an older version, and one that does not follow", async () => {
    const second = { ...world.trustPayload({ version: 2 }) };
    const previous = await openTrust(trustFile(second), { now });
    const third = { version: 3, prev: previous.digest };
    expect(await open(second, { previous })).to.equal("ok");
    expect(await open(world.trustPayload(third), { previous })).to.equal("ok");
    expect(await open(world.trustPayload(), { previous })).to.equal("TRUST_ROLLBACK");
    expect(await open({ ...second, expires: instant(now + 9) }, { previous })).to.equal("TRUST_ROLLBACK");
    expect(await open(world.trustPayload({ ...third, version: 4 }), { previous })).to.equal("TRUST_CHAIN");
    expect(await open(world.trustPayload({ version: 3 }), { previous })).to.equal("TRUST_CHAIN");
    expect(await open(world.trustPayload({ ...third, net: "quanji.test/town" }), { previous })).to.equal(
      "NETWORK_MISMATCH",
    );
  });

  it("a successor is signed by its predecessor's signers, whoever its own are", async () => {
    const previous = await world.trust({}, now);
    const signers = [{ kid: otherSigner.kid, jwk: other.jwk }];
    const next = world.trustPayload({ version: 2, prev: previous.digest, signers });
    expect(await open(next, { previous }, [otherSigner])).to.equal("SIGNATURE_INVALID");
    expect(await open(next, { previous }, [otherSigner, own])).to.equal("ok");
  });

  it("needs as many different keys as its threshold", async () => {
    const both = [own, otherSigner].map(({ kid, key }) => ({ kid, jwk: key.jwk }));
    const payload = world.trustPayload({ threshold: 2, signers: both });
    expect(await open(payload, {}, [own, own])).to.equal("SIGNATURE_INVALID");
    expect(await open(payload, {}, [own, otherSigner])).to.equal("ok");
    const stranger = { kid: `${PARTIES.regulator.id}#${signer("x").print}`, key: signer("x") };
    expect(await open(world.trustPayload(), {}, [own, stranger])).to.equal("ok");
    expect(await open(world.trustPayload(), {}, [stranger])).to.equal("SIGNATURE_INVALID");
    expect(await open(world.trustPayload(), {}, [{ kid: own.kid, key: signer("x") }])).to.equal("SIGNATURE_INVALID");
    expect(await open(world.trustPayload(), {}, [{ kid: own.kid, key: other }])).to.equal("ALG_FORBIDDEN");
  });

  const headers: readonly (readonly [unknown, string])[] = [
    [{ alg: "none", kid: own.kid, typ: "quanji-trust+jws" }, "ALG_FORBIDDEN"],
    [{ alg: "EdDSA", kid: own.kid, typ: "quanji-receipt+jws" }, "TYP_MISMATCH"],
    [{ alg: "EdDSA", kid: 7, typ: "quanji-trust+jws" }, "JWS_SHAPE"],
    [{ alg: "EdDSA", b64: false, kid: own.kid, typ: "quanji-trust+jws" }, "HEADER_FORBIDDEN"],
  ];
  for (const [header, detail] of headers) {
    it(`refuses the header ${JSON.stringify(header)}`, async () => {
      const file = JSON.parse(trustFile(world.trustPayload())) as { payload: string; signatures: object[] };
      const signatures = [{ protected: toBase64url(utf8(canonical(header))), signature: "AAAA" }];
      expect(await detailOf(() => openTrust(canonical({ ...file, signatures }), { now }))).to.equal(detail);
    });
  }

  it("refuses other envelopes, versions and fields", async () => {
    const file = JSON.parse(trustFile(world.trustPayload())) as Record<string, unknown>;
    const text = canonical({ ...file, extra: 1 }, { maxBytes: 1 << 20, maxDepth: 12 });
    expect(await detailOf(() => openTrust(text, { now }))).to.equal("FIELD_UNKNOWN");
    expect(await detailOf(() => openTrust(` ${trustFile(world.trustPayload())}`, { now }))).to.equal("NOT_CANONICAL");
    expect(await open({ ...world.trustPayload(), v: "quanji.trust.v2" })).to.equal("VERSION_UNKNOWN");
    expect(await open({ ...world.trustPayload(), extra: 1 })).to.equal("FIELD_UNKNOWN");
  });

  for (const [name, change, detail] of ON_TRUST) {
    it(`refuses ${name}`, async () => {
      const trust = world.trustPayload();
      expect(await open({ ...trust, ...change(trust) })).to.equal(detail);
    });
  }
});

describe("witnessed evidence", () => {
  let world: SmallWorld;
  let index: number;
  before(async () => {
    world = await new SmallWorld().begin();
    await world.resource();
    index = await world.access(await world.grant());
  });
  const cosigned = (...by: number[]) => {
    world.cosignatures = (text) => Promise.all(by.map((i) => witnesses[i]!.cosign(text, world.time)));
  };
  const check = async (changes: object = {}): Promise<Verdict> =>
    verifyReceipt(await world.receipt(LOG, index, changes), await world.trust({ policy }));

  it("two of three organisations are a quorum, and withstand none that is bad", async () => {
    cosigned(0, 2);
    expect(await check({ level: "cosigned" })).to.include({
      ok: true,
      level: "cosigned",
      withstands: 0,
      singleOperator: false,
    });
  });

  it("25 a quorum short is UNDERWITNESSED", async () => {
    cosigned(1);
    expect(await check()).to.include({ ok: false, code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
  });

  it("26 one witness twice is one witness", async () => {
    cosigned(1, 1);
    expect(await check()).to.include({ ok: false, code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
  });

  it("a witness that the trust file lacks counts for nothing, and does no harm", async () => {
    const stranger = noteSigner("witness.stranger/w", 4);
    world.cosignatures = (text) =>
      Promise.all([witnesses[1]!, stranger].map((witness) => witness.cosign(text, world.time)));
    expect(await check()).to.include({ code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
    world.cosignatures = (text) =>
      Promise.all([witnesses[0]!, witnesses[1]!, stranger].map((witness) => witness.cosign(text, world.time)));
    expect(await check()).to.include({ ok: true, level: "cosigned" });
  });

  it("three of four organisations withstand one that is bad", async () => {
    const four = [...witnesses, noteSigner("witness.d/w", 4)];
    const lines = four.map(({ vkey }, i) => `witness w${i} ${vkey}\ngroup o${i} any w${i}\n`).join("");
    const trust = await world.trust({ policy: `${lines}group orgs 3 o0 o1 o2 o3\nquorum orgs\n` });
    world.cosignatures = (text) => Promise.all(four.slice(1).map((witness) => witness.cosign(text, world.time)));
    expect(await verifyReceipt(await world.receipt(LOG, index), trust)).to.include({
      level: "cosigned",
      withstands: 1,
    });
  });

  it("44 a record that says it is younger than its cosignatures is TIME_BRACKET, though not for one bad witness", async () => {
    const cosignedAt = (...times: number[]) => {
      world.cosignatures = (text) => Promise.all(times.map((time, i) => witnesses[i]!.cosign(text, time)));
    };
    cosignedAt(world.time - 400, world.time - 400);
    expect(await check()).to.include({ code: "PROOF_INVALID", detail: "TIME_BRACKET" });
    const three = `${WITNESSES}${groups}group orgs all oa ob oc\nquorum orgs\n`;
    const trust = await world.trust({ policy: three });
    cosignedAt(world.time - 400, world.time, world.time);
    expect(await verifyReceipt(await world.receipt(LOG, index), trust)).to.include({ ok: true, withstands: 2 });
    cosignedAt(world.time - 400, world.time - 400, world.time - 400);
    expect(await verifyReceipt(await world.receipt(LOG, index), trust)).to.include({ detail: "TIME_BRACKET" });
  });

  it("68 a level that the cosignatures do not reach is LEVEL_FALSE", async () => {
    cosigned(1);
    expect(await check({ level: "cosigned" })).to.include({ code: "UNDERWITNESSED", detail: "LEVEL_FALSE" });
    cosigned(0, 1);
    expect(await check({ level: "anchored" })).to.include({ code: "UNDERWITNESSED", detail: "LEVEL_FALSE" });
  });

  it("24 a cosignature's time cannot be altered", async () => {
    world.cosignatures = async (text) => {
      const made = await witnesses[0]!.cosign(text, world.time);
      const bytes = Uint8Array.from(made.bytes);
      bytes[7]! ^= 1;
      return [{ ...made, bytes }];
    };
    expect(await check()).to.include({ code: "PROOF_INVALID", detail: "WITNESS_SIGNATURE_INVALID" });
  });

  it("28 a cosignature from the future is refused, except where a test set the clock", async () => {
    world.cosignatures = (text) => Promise.all([0, 1].map((i) => witnesses[i]!.cosign(text, world.time + 301)));
    expect(await check()).to.include({ code: "PROOF_INVALID", detail: "TIME_FUTURE" });
    const trust = await world.trust({ policy, testClock: true });
    expect(await verifyReceipt(await world.receipt(LOG, index), trust)).to.include({ ok: true, testClock: true });
  });

  it("a caller may ask for more than the trust file, never for less", async () => {
    cosigned();
    const plain = await world.trust();
    const receipt: FlattenedJws = await world.receipt(LOG, index);
    expect((await verifyReceipt(receipt, plain, { level: "committed" })).ok).to.equal(true);
    expect(await verifyReceipt(receipt, plain, { level: "cosigned" })).to.include({ detail: "WITNESS_QUORUM" });
    const strict = await world.trust({ policy });
    expect(await verifyReceipt(receipt, strict, { level: "committed" })).to.include({ detail: "WITNESS_QUORUM" });
  });

  it("a trail needs the quorum twice: for its checkpoints, and for its head notes", async () => {
    const organisations = ["oa", "ob", "oc"].map((org) => noteSigner(`witness.${org}/heads`));
    const heads = Object.fromEntries(organisations.map(({ vkey }, i) => [["oa", "ob", "oc"][i]!, vkey]));
    const trust = await world.trust({ policy, heads });
    const trail = async (notes: readonly number[], cosigners: readonly number[]) => {
      world.headSigners = notes.map((i) => organisations[i]!);
      cosigned(...cosigners);
      return verifyTrail(await world.trail("party", PARTIES.insurer.id), trust);
    };
    expect(await trail([0, 1], [1, 2])).to.include({ ok: true, level: "cosigned", singleOperator: false });
    expect(await trail([0], [1, 2])).to.include({ code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
    expect(await trail([0, 1], [1])).to.include({ code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
    world.headSigners = [HEADS];
    cosigned();
  });

  it("a heads key that is named like the quorum's group is not the quorum", async () => {
    const alone = noteSigner("witness.alone/heads");
    const trust = await world.trust({ policy, heads: { orgs: alone.vkey } });
    world.headSigners = [alone];
    cosigned(0, 1);
    const verdict = await verifyTrail(await world.trail("party", PARTIES.insurer.id), trust);
    expect(verdict).to.include({ code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
    world.headSigners = [HEADS];
    cosigned();
  });

  it("29 a log's key and a gateway's key speak only within their sizes", async () => {
    const { keys, gateways } = world.trustPayload();
    const receipt = await world.receipt(LOG, index);
    const checkWith = async (changes: Partial<Trust>) => verifyReceipt(receipt, await world.trust(changes));
    expect((await checkWith({ keys: keys.map((row) => ({ ...row, from: 1, to: 1 })) })).ok).to.equal(true);
    for (const bounds of [{ from: 2 }, { from: 0, to: 0 }]) {
      const late = { keys: keys.map((row) => ({ ...row, ...bounds })) };
      expect(await checkWith(late)).to.include({ code: "PROOF_INVALID", detail: "KEY_EXPIRED_AT_SIZE" });
      const gone = { gateways: gateways.map((row) => ({ ...row, ...bounds })) };
      expect(await checkWith(gone)).to.include({ code: "PROOF_INVALID", detail: "KEY_EXPIRED_AT_SIZE" });
    }
  });
});
