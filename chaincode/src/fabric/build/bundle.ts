/**
 * One file that is all of the chaincode: what organisations approve is its SHA-256. The same sources give the same bytes on
 * every machine, for paths in the file are relative to the project and nothing in it depends on time.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleDigest } from "../approved.js";

/** The package's folder; from `dist/fabric/build/`. */
const PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));

export const BUNDLE = path.join(PACKAGE, "dist", "bundle", "chaincode.cjs");

/** Bundles what `tsc` made: from TypeScript directly, the shim's dependencies fail at load. */
export async function bundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [path.join(PACKAGE, "dist", "fabric", "main.js")],
    absWorkingDir: path.join(PACKAGE, ".."),
    outfile: BUNDLE,
    write: false,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    charset: "utf8",
    legalComments: "inline",
    logLevel: "warning",
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error("esbuild made no file");
  return file.contents;
}

export async function writeBundle(): Promise<{ readonly file: string; readonly sha256: string }> {
  const bytes = await bundle();
  await mkdir(path.dirname(BUNDLE), { recursive: true });
  await writeFile(BUNDLE, bytes);
  return { file: BUNDLE, sha256: bundleDigest(bytes) };
}
