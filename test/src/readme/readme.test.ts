/** The README's story, typed exactly as it stands there, by a user who has nothing but the command line and a fresh gateway. */
import { spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type GatewayProcess, ROOT, startGateway } from "@quanji/scripts/dist/support/process.js";
import { expect } from "chai";
import { newFolder } from "../support/stage.js";

const BEGIN = "<!-- story:begin -->";
const END = "<!-- story:end -->";
/** Where the README's gateway listens. */
const README_GATEWAY = "http://127.0.0.1:8080";

/** Bodies of the fenced blocks of a language. */
const blocksOf = (markdown: string, language: string): string[] =>
  [...markdown.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(([, tag, body = ""]) => (tag === language ? [body] : []));

interface Run {
  readonly code: number | null;
  readonly out: string;
}

function bash(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-e", "-o", "pipefail", "-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out }));
  });
}

describe("README", () => {
  let readme: string;
  before(async () => {
    readme = await readFile(path.join(ROOT, "README.md"), "utf8");
  });

  describe("the story", () => {
    let folder: string;
    let gateway: GatewayProcess;
    let env: NodeJS.ProcessEnv;

    before(async () => {
      folder = await newFolder();
      gateway = await startGateway(path.join(folder, "data"));
      env = await surroundings(folder, gateway.url);
    });
    after(async () => {
      await gateway.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const story = (): string => {
      const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
      expect(begin, "the story's markers").to.be.within(0, end);
      return blocksOf(readme.slice(begin, end), "sh").join("\n");
    };

    it("runs as it is typed, to the end", async () => {
      const { code, out } = await bash(story(), folder, env);
      expect(code, out).to.equal(0);
    });

    it("left evidence that verifies, and says ok", async () => {
      const files = await readdir(folder);
      const receipts = files.filter((file) => file.endsWith(".receipt.json"));
      const trails = files.filter((file) => file.endsWith(".trail.ndjson"));
      expect([receipts.length > 0, trails.length > 0]).to.deep.equal([true, true]);
      for (const file of [...receipts, ...trails]) {
        const { code, out } = await bash(`npx quanji verify ${file} --trust trust.json --json`, folder, env);
        expect([code, (JSON.parse(out) as { readonly ok: boolean }).ok], out).to.deep.equal([0, true]);
      }
    });

    it("ended with a revocation that bites: the grant that it used is revoked", async () => {
      const { out } = await bash("npx quanji ls grants --key bank.jwk --json", folder, env);
      expect(out).to.contain('"revoked"').and.not.to.contain('"active"');
    });
  });

  it("shows a story of some ten commands, and every command that it names exists", async () => {
    const folder = await newFolder();
    try {
      const env = await surroundings(folder, README_GATEWAY);
      const named = new Set(
        [...blocksOf(readme, "sh").join("\n").matchAll(/npx quanji ([a-z]+)(?: ([a-z-]+))?/g)].map(([, noun = "", verb]) => [noun, verb].filter((word) => word !== undefined && !/^\d/.test(word)).join(" ")),
      );
      expect(named.size).to.be.greaterThan(8);
      for (const command of named) {
        const { code, out } = await bash(`npx quanji ${command} --help`, folder, env);
        expect(code, `${command}: ${out}`).to.equal(0);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("holds no TypeScript that nobody compiles: what README and docs show in ts is checked here", async () => {
    const files = [path.join(ROOT, "README.md"), ...(await markdownIn(path.join(ROOT, "docs")))];
    for (const file of files) expect(blocksOf(await readFile(file, "utf8"), "ts"), file).to.deep.equal([]);
  });
});

/** A folder in which `npx quanji` is this repository's command line, and the README's address is where the gateway listens. */
async function surroundings(folder: string, url: string): Promise<NodeJS.ProcessEnv> {
  const bin = path.join(folder, "bin");
  await mkdir(bin);
  const npx = path.join(bin, "npx");
  const cli = path.join(ROOT, "client", "bin", "quanji.js");
  await writeFile(
    npx,
    `#!/usr/bin/env bash
test "$1" = quanji && shift || exit 127
exec "${process.execPath}" "${cli}" "\${@/#${README_GATEWAY}/${url}}"
`,
  );
  await chmod(npx, 0o755);
  const { PATH = "" } = process.env;
  return { PATH: `${bin}:${path.dirname(process.execPath)}:${PATH}`, HOME: folder, QUANJI_GATEWAY: url };
}

async function markdownIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((entry) => entry.endsWith(".md")).map((entry) => path.join(folder, entry));
}
