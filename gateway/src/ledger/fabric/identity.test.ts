import { X509Certificate } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { Folders } from "../embedded/testing/open.js";
import { LiveIdentity } from "./identity.js";
import { newCertificate } from "./testing/certificate.js";

describe("fabric: as whom a gateway acts", () => {
  const folders = new Folders();
  after(() => folders.clear());

  let nowMs: number;
  let reports: unknown[];
  let files: { certificate: string; privateKey: string };
  let first: string;

  const put = async (file: string, text: string): Promise<void> => {
    // Another file each time, so that its time and number tell them apart however fast this goes.
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };

  beforeEach(async () => {
    const folder = await folders.make();
    files = { certificate: path.join(folder, "cert.pem"), privateKey: path.join(folder, "key.pem") };
    const { certificate, privateKey } = await newCertificate();
    await put(files.certificate, certificate);
    await put(files.privateKey, privateKey);
    first = certificate;
    nowMs = 0;
    reports = [];
  });

  const opened = (): LiveIdentity =>
    new LiveIdentity(
      files,
      (error) => reports.push(error),
      () => nowMs,
    );

  it("is the same for as long as its files are", () => {
    const identity = opened();
    const before = identity.current;
    nowMs += 60_000;
    expect(identity.current).to.equal(before);
  });

  it("changes when both files have been renewed, and not between the one and the other", async () => {
    const identity = opened();
    const { certificate, privateKey } = await newCertificate();
    await put(files.certificate, certificate);
    nowMs += 1_000;
    expect(identity.current.certificatePem).to.equal(first);
    expect(reports.map((error) => isQuanjiError(error, "CONFIG_INVALID") && error.message)).to.match(/does not belong/);
    await put(files.privateKey, privateKey);
    nowMs += 1_000;
    const { certificatePem, key } = identity.current;
    expect(certificatePem).to.equal(certificate);
    expect(new X509Certificate(certificatePem).checkPrivateKey(key)).to.equal(true);
    expect(reports).to.have.length(1);
  });

  it("stays what it was where a file is gone or damaged, and says so once", async () => {
    const identity = opened();
    await put(files.privateKey, "no key");
    for (let look = 0; look < 3; look++) {
      nowMs += 1_000;
      expect(identity.current.certificatePem).to.equal(first);
    }
    expect(reports).to.have.length(1);
  });

  it("is not looked at more than once a second", async () => {
    const identity = opened();
    const { certificate, privateKey } = await newCertificate();
    await put(files.certificate, certificate);
    await put(files.privateKey, privateKey);
    nowMs += 999;
    expect(identity.current.certificatePem).to.equal(first);
    nowMs += 1;
    expect(identity.current.certificatePem).to.equal(certificate);
  });
});
