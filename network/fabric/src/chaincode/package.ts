/**
 * The package that organisations install and approve. It holds no code: it holds the SHA-256 of the bundle, so that an
 * approval of its id is an approval of exactly these bytes, which the server compares with itself when it starts.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { NetworkFailure } from "../tools/failure.js";
import { PACKAGE_TYPE } from "./builder.js";
import { gzip, tar } from "./tar.js";

export interface ChaincodePackage {
  /** Lower-case hex. */
  readonly bundleSha256: string;
  /** `<chaincode>-<12 digits of the bundle's hash>` */
  readonly label: string;
  /** In the definition: the same 12 digits. */
  readonly version: string;
  /** `<label>:<SHA-256 of the archive>`, as peers compute it. */
  readonly id: string;
  readonly archive: Buffer;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export function packageOf(bundle: Uint8Array, chaincode: string): ChaincodePackage {
  const bundleSha256 = sha256(bundle);
  const version = bundleSha256.slice(0, 12);
  const label = `${chaincode}-${version}`;
  const code = gzip(tar([["bundle.sha256", `${bundleSha256}\n`]]));
  const metadata = JSON.stringify({ type: PACKAGE_TYPE, label });
  const archive = gzip(
    tar([
      ["metadata.json", metadata],
      ["code.tar.gz", code],
    ]),
  );
  return { bundleSha256, label, version, id: `${label}:${sha256(archive)}`, archive };
}

export async function readBundle(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new NetworkFailure("chaincode", `there is no bundle at ${file}`, {
      advice: "build it (`npm run bundle -w @quanji/chaincode`), or name another with --chaincode FILE",
      cause,
    });
  }
}
