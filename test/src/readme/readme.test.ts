/** The README is run, not read: what it tells a new user to type works, in that order, against a fresh gateway. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import { type GatewayProcess, ROOT, startGateway } from "@quanji/scripts/process";

const REGISTERED = "http://127.0.0.1:8080";

/** The `sh` blocks between the story's marks, as one script. */
function storyOf(readme: string): string {
  const story = /<!-- story:begin -->(.*)<!-- story:end -->/s.exec(readme)?.[1] ?? "";
  const blocks = [...story.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1] ?? "");
  return `set -eu\n${blocks.join("\n")}`;
}

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function bash(script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", [script], { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, out, err }));
  });
}

describe("README", () => {
  let folder: string;
  let gateway: GatewayProcess;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-readme-"));
    await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
    await cp(path.join(ROOT, "package.json"), path.join(folder, "package.json"));
    gateway = await startGateway(path.join(folder, "data"));
  });
  after(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true });
  });

  it("its story runs word by word (only the port is another), and ends with two valid verdicts", async () => {
    const readme = await readFile(path.join(ROOT, "README.md"), "utf8");
    const story = storyOf(readme);
    expect(story.match(/^(?:\S+=\$\()?npx quanji/gm)?.length).to.be.greaterThan(10);
    const script = path.join(folder, "story.sh");
    await writeFile(script, story.replaceAll(REGISTERED, gateway.url));
    const { status, out, err } = await bash(script, folder, {
      QUANJI_GATEWAY: gateway.url,
      QUANJI_CONFIG: path.join(folder, "config.json"),
    });
    expect(status, err).to.equal(0);
    expect(out.match(/^VALID/gm), out).to.have.length(2);
    expect(out).to.contain('{"date":"2026-03-02","city":"Shenzhen","rain":13}');
    expect(err).to.contain("PURPOSE_OUTSIDE_GRANT");
    expect(err).to.contain("GRANT_REVOKED");
  });
});
