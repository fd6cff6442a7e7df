/** Documents are run, not read: what they tell a new user to type works, in that order, against a fresh gateway. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import { ROOT, startGateway } from "@quanji/scripts/process";

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

/** Runs the story of a document, against a gateway of its own; only the port is another. */
async function played(
  file: string,
  folder: string,
  { data, config = {} }: { readonly data: string; readonly config?: Readonly<Record<string, unknown>> },
): Promise<Ran> {
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  await cp(path.join(ROOT, "package.json"), path.join(folder, "package.json"));
  const gateway = await startGateway(path.join(folder, data), config);
  try {
    const story = storyOf(await readFile(path.join(ROOT, file), "utf8"));
    expect(story.match(/npx quanji/g)?.length).to.be.greaterThan(10);
    const script = path.join(folder, "story.sh");
    await writeFile(script, story.replaceAll(REGISTERED, gateway.url));
    const env = { QUANJI_GATEWAY: gateway.url, QUANJI_CONFIG: path.join(folder, "config.json") };
    return await bash(script, folder, env);
  } finally {
    await gateway.stop();
  }
}

describe("stories of the documents, word by word", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-readme-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("README.md ends with two valid verdicts", async () => {
    const { status, out, err } = await played("README.md", folder, { data: "data" });
    expect(status, err).to.equal(0);
    expect(out.match(/^VALID/gm), out).to.have.length(2);
    expect(out).to.contain('{"date":"2026-03-02","city":"Shenzhen","rain":13}');
    expect(err).to.contain("PURPOSE_OUTSIDE_GRANT");
    expect(err).to.contain("GRANT_REVOKED");
  });

  it("docs/market.md goes from an offer to a paid invoice, and refuses what was made shorter", async () => {
    const config = { network: { testClock: true } };
    const { status, out, err } = await played("docs/market.md", folder, { data: "market", config });
    expect(status, `${out}\n${err}`).to.equal(0);
    // An invoice, a certificate, a voucher, a trail and three receipts.
    expect(out.match(/^VALID/gm), out).to.have.length(7);
    expect(err).to.contain("OFF_EXCHANGE");
    expect(`${out}${err}`).to.contain("TRAIL_INCOMPLETE");
    // Closed, reckoned, shown, invoiced, paid: it is the same sum.
    expect(out.match(/total +210\.00 CNY/g), out).to.have.length(5);
    expect(out).to.match(/11510100MBQJ006115 +84\.00 CNY/);
    expect(out).to.contain("settled");
  });
});
