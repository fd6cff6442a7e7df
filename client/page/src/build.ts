/** Makes the page: script and style inside one HTML file, and a policy that allows exactly these two and no connection. */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const OUT = path.join(FOLDER, "..", "dist", "verify.html");

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The command line's words are taken compiled, as the package's own entries are: or the page would hold what both use twice. */
const COMPILED: Plugin = {
  name: "compiled words",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\.\/\.\.\/src\/cli\/[a-z-]+\.js$/ }, ({ path: name }) => ({
      path: path.join(FOLDER, "..", "dist", "cli", path.basename(name)),
    }));
  },
};

async function scriptText(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(FOLDER, "src", "main.ts")],
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    plugins: [COMPILED],
  });
  // Inside an HTML script element nothing may end it early.
  return (outputFiles[0]?.text ?? "").trim().replaceAll("</", "<\\/").replaceAll("<!--", "<\\!--");
}

const read = (name: string): Promise<string> => readFile(path.join(FOLDER, name), "utf8");

const [template, style, script] = [await read("verify.html"), (await read("verify.css")).trim(), await scriptText()];
const policy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "worker-src blob:", // made of the page's own script; it inherits this policy
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
// Hashes cover what stands between the tags to the letter, so nothing may be left around it.
const page = template
  .replace("%CSP%", () => policy)
  .replace(/<style>\s*%STYLE%\s*<\/style>/, () => `<style>${style}</style>`)
  .replace(/<script>\s*%SCRIPT%\s*<\/script>/, () => `<script>${script}</script>`);
await mkdir(path.dirname(OUT), { recursive: true });
await writeFile(OUT, page);
