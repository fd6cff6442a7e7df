import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import { writeBuilder } from "./builder.js";
import { countOf } from "./drain.js";
import { packageOf, readBundle } from "./package.js";
import { gzip, tar } from "./tar.js";
import { NetworkFailure } from "../tools/failure.js";
import { write } from "../tools/files.js";

const bundle = Buffer.from("module.exports = 1;\n");
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("network/fabric chaincode package", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "quanji-package-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("has one id wherever and whenever it is made, and another for other code", () => {
    const pack = packageOf(bundle, "quanji");
    // A fixed value: whoever changes the form of packages sees that every organisation's approvals change with it.
    expect(pack.id).to.equal("quanji-6e66e366f0ae:90d04d7126da03142d19efd9b33cc25f394654118b74fe25842f77cdd7ae189d");
    expect(packageOf(Buffer.from(bundle), "quanji").id).to.equal(pack.id);
    expect(packageOf(Buffer.from("module.exports = 2;\n"), "quanji").id).to.not.equal(pack.id);
    expect(pack.bundleSha256).to.equal(sha256(bundle));
    expect(pack.label).to.equal(`quanji-${pack.bundleSha256.slice(0, 12)}`);
    expect(pack.id).to.equal(`${pack.label}:${sha256(pack.archive)}`);
  });

  it("is an archive that tar reads, down to the bundle's hash", () => {
    const { archive, bundleSha256, label } = packageOf(bundle, "quanji");
    writeFileSync(path.join(folder, "p.tgz"), archive);
    execFileSync("tar", ["xzf", "p.tgz"], { cwd: folder });
    execFileSync("tar", ["xzf", "code.tar.gz"], { cwd: folder });
    expect(JSON.parse(readFileSync(path.join(folder, "metadata.json"), "utf8"))).to.deep.equal({
      type: "quanji-service",
      label,
    });
    expect(readFileSync(path.join(folder, "bundle.sha256"), "utf8")).to.equal(`${bundleSha256}\n`);
  });

  it("writes archives without time, owner or compressor", () => {
    expect(gzip(Buffer.from("x")).subarray(0, 10).toString("hex")).to.equal("1f8b08000000000000ff");
    expect(tar([["a", "x"]])).to.have.length(4 * 512);
    expect(() => tar([["a".repeat(101), "x"]])).to.throw(RangeError);
  });

  const script = (name: string, args: string[], env: Record<string, string> = {}): string =>
    execFileSync(path.join(folder, "builder", "bin", name), args, {
      env: { PATH: process.env["PATH"], ...env },
      stdio: "pipe",
    }).toString();

  it("is told from others by the builder, and released with the address of the server beside the peer", async () => {
    await writeBuilder(folder);
    const at = (...parts: string[]): string => path.join(folder, ...parts);
    await write(at("meta", "metadata.json"), JSON.stringify({ type: "quanji-service", label: "quanji-1" }));
    await write(at("other", "metadata.json"), JSON.stringify({ type: "golang", label: "quanji-1" }));
    await write(at("source", "bundle.sha256"), "00\n");
    await write(at("addresses", "quanji-1"), "127.0.0.1:7113");
    await write(at("build", "kept"), "");
    script("detect", [at("source"), at("meta")]);
    expect(() => script("detect", [at("source"), at("other")])).to.throw();
    script("build", [at("source"), at("meta"), at("build")]);
    script("release", [at("build"), at("release")], { QUANJI_CHAINCODE_ADDRESSES: at("addresses") });
    expect(JSON.parse(readFileSync(at("release", "chaincode", "server", "connection.json"), "utf8"))).to.deep.equal({
      address: "127.0.0.1:7113",
      dial_timeout: "5s",
      tls_required: false,
    });
    rmSync(at("addresses", "quanji-1"));
    expect(() =>
      script("release", [at("build"), at("release")], { QUANJI_CHAINCODE_ADDRESSES: at("addresses") }),
    ).to.throw(/no address for the chaincode server of quanji-1/);
  });

  it("says what to do when there is no bundle", async () => {
    const error: unknown = await readBundle(path.join(folder, "none.cjs")).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(NetworkFailure);
    expect((error as NetworkFailure).report()).to.match(/no bundle at .*\n {2}next: build it/);
  });

  it("counts a package's requests in a peer's metrics", () => {
    const text = [
      "# HELP chaincode_shim_requests_received x",
      'chaincode_shim_requests_received{chaincode="a:1",channel="q",type="GET_STATE"} 3',
      'chaincode_shim_requests_received{chaincode="a:1",channel="q",type="PUT_STATE"} 4',
      'chaincode_shim_requests_received{chaincode="b:1",channel="q",type="PUT_STATE"} 8',
    ].join("\n");
    expect(countOf(text, "chaincode_shim_requests_received", "a:1")).to.equal(7);
    expect(countOf(text, "chaincode_shim_requests_received", "c:1")).to.equal(0);
  });
});
