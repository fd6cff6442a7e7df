import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { ALGORITHMS, fromBase64url, possessionBytes, thumbprint, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { lowS, signatureVerifier } from "./engine.js";
import {
  encryptedKeyId,
  generateKey,
  kidOf,
  openSigner,
  parsePrivateJwk,
  possession,
  publicOf,
  readKeyFile,
  toJwkFile,
  writeKeyFile,
} from "./index.js";

const PARTY = "urn:quanji:bank";
const HALF = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;
const sOf = (signature: Uint8Array): bigint => BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);

async function refusal(work: Promise<unknown>): Promise<QuanjiError> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof QuanjiError) return error;
  throw new Error("not refused");
}

describe("keys", () => {
  for (const alg of ALGORITHMS) {
    it(`${alg}: what is signed verifies, and nothing else does`, async () => {
      const signer = await openSigner({ jwk: await generateKey(alg), party: PARTY });
      // An Ethereum key signs what has the form of typed data, and nothing else.
      const dataOf = (text: string): Uint8Array =>
        alg === "EIP712" ? utf8(`\u0019\u0001${text.padEnd(64)}`) : utf8(text);
      const signature = await signer.sign(dataOf("data"));
      const verify = signatureVerifier();
      expect(signature.length).to.equal(64);
      expect(await verify(signer.jwk, dataOf("data"), signature)).to.equal(true);
      expect(await verify(signer.jwk, dataOf("dat4"), signature)).to.equal(false);
      const untyped = await verify(signer.jwk, utf8("data"), await signer.sign(utf8("data")));
      expect(untyped).to.equal(alg !== "EIP712");
      expect(signer.kid).to.equal(`${PARTY}#${thumbprint(signer.jwk)}`);
    });

    it(`${alg}: possession is the signature that party.rotateKey asks for`, async () => {
      const signer = await openSigner({ jwk: await generateKey(alg), party: PARTY });
      const proof = fromBase64url(await possession("quanji.test/city", signer));
      const input = possessionBytes("quanji.test/city", PARTY, signer.jwk);
      expect(await signatureVerifier()(signer.jwk, input, proof)).to.equal(true);
    });
  }

  it("ES256 signs with the low s, always", async () => {
    const signer = await openSigner({ jwk: await generateKey("ES256"), party: PARTY });
    for (let i = 0; i < 40; i++) expect(sOf(await signer.sign(utf8(`message ${i}`))) <= HALF).to.equal(true);
  });

  it("the other of the pair becomes the low one; the low one stays", () => {
    const order = 2n * HALF + 1n;
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: order - 1n }), (s) => {
        const signature = Buffer.concat([Buffer.alloc(32, 7), Buffer.from(s.toString(16).padStart(64, "0"), "hex")]);
        const low = lowS(signature);
        const expected = s <= HALF ? s : order - s;
        return sOf(low) === expected && Buffer.from(low.subarray(0, 32)).equals(Buffer.alloc(32, 7));
      }),
    );
  });

  it("a private half of another key is refused", async () => {
    const [one, other] = [await generateKey("EdDSA"), await generateKey("EdDSA")];
    const error = await refusal(openSigner({ jwk: { ...one, d: other.d }, party: PARTY }));
    expect([error.code, error.detail]).to.deep.equal(["MALFORMED", "KEY_WEAK"]);
  });

  it("a key file's kid must be <party>#<this key's thumbprint>", async () => {
    const jwk = await generateKey("ES256");
    expect(parsePrivateJwk(toJwkFile({ jwk, party: PARTY }))).to.deep.equal({ jwk, party: PARTY });
    expect(parsePrivateJwk({ ...jwk, alg: "ES256", use: "sig" })).to.deep.equal({ jwk });
    const foreign = kidOf(PARTY, publicOf(await generateKey("ES256")));
    for (const kid of [foreign, `${PARTY}#`, "nobody", 7]) {
      expect(() => parsePrivateJwk({ ...jwk, kid }))
        .to.throw(QuanjiError)
        .with.property("detail", "KEY_THUMBPRINT");
    }
  });

  it("hostile values are refused with a code, whatever they are", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({
            kty: fc.constant("EC"),
            crv: fc.constant("P-256"),
            x: fc.string(),
            y: fc.string(),
            d: fc.string(),
          }),
        ),
        (value) => {
          try {
            parsePrivateJwk(value);
            return false;
          } catch (error) {
            return isQuanjiError(error, "MALFORMED");
          }
        },
      ),
    );
  });
});

describe("key files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "quanji-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are written with mode 0600, and read back", async () => {
    const path = join(folder, "bank.jwk");
    const pair = { jwk: await generateKey("EdDSA"), party: PARTY };
    await writeKeyFile(path, pair);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readKeyFile(path)).to.deep.equal(pair);
  });

  it("never overwrite another, unless told to; then the mode stays", async () => {
    const path = join(folder, "bank.jwk");
    const pair = { jwk: await generateKey("EdDSA") };
    await writeKeyFile(path, pair);
    expect((await refusal(writeKeyFile(path, pair))).code).to.equal("CONFIG_INVALID");
    await writeKeyFile(path, { ...pair, party: PARTY }, { replace: true });
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect((await readKeyFile(path)).party).to.equal(PARTY);
  });

  for (const mode of [0o640, 0o604, 0o620]) {
    it(`are refused if others have access (${mode.toString(8)})`, async () => {
      const path = join(folder, "bank.jwk");
      await writeKeyFile(path, { jwk: await generateKey("EdDSA") });
      await chmod(path, mode);
      const error = await refusal(readKeyFile(path));
      expect(error.code).to.equal("CONFIG_INVALID");
      expect(error.message).to.include("chmod 600");
    });
  }

  it("under a passphrase hold no plain key, open with it, and with no other", async () => {
    const path = join(folder, "bank.jwk");
    const pair = { jwk: await generateKey("ES256"), party: PARTY };
    await writeKeyFile(path, pair, { passphrase: "correct horse" });
    const text = await readFile(path, "utf8");
    expect(text).to.not.include(pair.jwk.d);
    const header = JSON.parse(
      Buffer.from((JSON.parse(text) as { protected: string }).protected, "base64url").toString(),
    ) as object;
    expect(header).to.include({ alg: "PBES2-HS512+A256KW", enc: "A256GCM" });
    expect(await readKeyFile(path, "correct horse")).to.deep.equal(pair);
    expect(await encryptedKeyId(path)).to.deep.equal({ kid: kidOf(PARTY, publicOf(pair.jwk)) });
    for (const passphrase of ["wrong horse", "", undefined]) {
      expect((await refusal(readKeyFile(path, passphrase))).code).to.equal("CONFIG_INVALID");
    }
  });

  it("that ask for a thousand million iterations are refused before any is made", async () => {
    const path = join(folder, "bank.jwk");
    await writeKeyFile(path, { jwk: await generateKey("EdDSA") }, { passphrase: "p" });
    const jwe = JSON.parse(await readFile(path, "utf8")) as { protected: string };
    const header = JSON.parse(Buffer.from(jwe.protected, "base64url").toString()) as object;
    const bomb = toBase64url(utf8(JSON.stringify({ ...header, p2c: 1_000_000_000 })));
    await writeFile(path, JSON.stringify({ ...jwe, protected: bomb }), { mode: 0o600 });
    expect((await refusal(readKeyFile(path, "p"))).code).to.equal("CONFIG_INVALID");
  });
});
