/** The monitor as its users run it: against a real gateway, with a webhook and a file, killed in the middle. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { canonical } from "@quanji/chaincode/log";
import { expect } from "chai";
import { type LocalHost, LOG } from "../support/host.js";
import { QUANJI, type Ran, runProgram, startProgram } from "../support/program.js";
import { Stage } from "../support/stage.js";
import { until } from "../support/until.js";
import { type Told, usesOf, Webhook } from "../support/webhook.js";

describe("quanji monitor", () => {
  let stage: Stage<LocalHost>;
  let folder: string;
  let grant: string;
  let hook: Webhook;

  const variables = (): Record<string, string> => ({
    QUANJI_CONFIG: path.join(folder, "config.json"),
    QUANJI_GATEWAY: stage.host.address,
  });
  const file = (): string => path.join(folder, "uses.ndjson");
  const argv = (...more: string[]): string[] => [
    QUANJI,
    "monitor",
    ...[
      "--trust",
      stage.trustFile,
      "--key",
      path.join(stage.host.data, "keys", "regulator.jwk"),
      "--state",
      path.join(folder, "state"),
    ],
    ...["--notify", file(), "--notify", hook.url, "--notify-private", "--every", "1"],
    ...more,
  ];
  const once1 = (...more: string[]): Promise<Ran> => runProgram(argv("--once", "--json", ...more), variables());
  const inFile = async (): Promise<Told[]> =>
    (await readFile(file(), "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Told);
  const use = async (): Promise<string> => (await stage.use("insurer", stage.access(grant))).request ?? "";

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-monitor-"));
    stage = await Stage.open();
    grant = await stage.granted();
    hook = await Webhook.open(stage.signers.regulator);
  });
  after(async () => {
    hook.close();
    await stage.close();
    await rm(folder, { recursive: true });
  });

  it("looks once: all is well, and it says how large the logs are", async () => {
    const ran = await once1();
    expect(ran.exitCode, ran.err + ran.out).to.equal(0);
    const said = JSON.parse(ran.out) as { ok: boolean; logs: Record<string, number>; notices: unknown[] };
    expect([said.ok, said.notices]).to.deep.equal([true, []]);
    expect(said.logs[LOG]).to.be.a("number");
  });

  it("tells of a use under a grant that I watch, to the file and, signed, to the webhook; and does so once", async () => {
    const request = await use();
    await until(async () => (await (await stage.client("insurer")).receipt(request)).delivery);
    const ran = await once1();
    expect(ran.exitCode, ran.err + ran.out).to.equal(0);
    const uses = usesOf(await inFile(), request);
    expect(uses.map(({ verified }) => verified)).to.deep.equal([true, true]);
    expect(usesOf(hook.taken, request).map(({ id }) => id)).to.deep.equal(uses.map(({ id }) => id));
    expect(JSON.parse((await once1()).out)).to.have.property("notices").that.is.empty;
  });

  it("killed again and again, it loses no use and doubles none but under its id", async () => {
    const requests: string[] = [];
    for (let i = 0; i < 4; i++) {
      const { child, closed } = await startProgram(argv(), variables(), "ready: following");
      const before = hook.taken.length;
      requests.push(await use());
      // Half of them die as soon as something has been delivered, the others while it may be on its way.
      if (i % 2 === 0) await until(() => (hook.taken.length > before ? true : undefined));
      child.kill("SIGKILL");
      await closed;
    }
    hook.accepts = false;
    const down = await once1();
    expect(down.exitCode, down.err + down.out).to.equal(3);
    expect(JSON.parse(down.out))
      .to.have.property("undelivered")
      .that.deep.equals([`webhook ${hook.url}`]);
    hook.accepts = true;
    for (const request of requests)
      await until(async () => (await (await stage.client("insurer")).receipt(request)).delivery);
    const ran = await once1();
    expect(ran.exitCode, ran.err + ran.out).to.equal(0);
    for (const told of [hook.taken, await inFile()]) {
      const ids = new Set(told.map(({ id }) => id));
      for (const request of requests) {
        expect(new Set(usesOf(told, request).map(({ id }) => id)).size, request).to.equal(2);
      }
      const distinct = [...new Map(told.map((one) => [one.id, one])).values()];
      expect(ids.size).to.equal(distinct.length);
      expect(distinct.map(({ seq }) => seq)).to.deep.equal(distinct.map((_one, i) => i + 1));
    }
  });

  it("stopped by SIGTERM it ends its round, delivers, and leaves with 0", async () => {
    const { child, closed } = await startProgram(argv("--json"), variables(), "ready: following");
    child.kill("SIGTERM");
    expect(await closed).to.equal(0);
  });

  it("a gateway that is a step back in its own past is an alarm, with exit code 1, until it has caught up", async () => {
    const copy = path.join(folder, "copy");
    const mirror = (): Promise<Ran> =>
      runProgram([QUANJI, "tiles", "--out", copy, "--trust", stage.trustFile], variables());
    await mirror();
    const old = await readFile(path.join(copy, LOG, "checkpoint"));
    await use();
    await mirror();
    const newer = await readFile(path.join(copy, LOG, "checkpoint"));
    const followed = async (): Promise<Ran> => once1("--tiles", copy);
    expect((await followed()).exitCode).to.equal(0);
    await writeFile(path.join(copy, LOG, "checkpoint"), old);
    const shrunk = await followed();
    expect([shrunk.exitCode, shrunk.out]).to.satisfy(
      ([code, out]: [number, string]) => code === 1 && out.includes("LOG_SHRUNK"),
    );
    await writeFile(path.join(copy, LOG, "checkpoint"), newer);
    expect((await followed()).exitCode).to.equal(0);
  });

  it("a receipt that I hold is looked for in its log", async () => {
    const receipts = path.join(folder, "mine");
    const { access } = await (await stage.client("insurer")).receipt(await use());
    await mkdir(receipts);
    await writeFile(path.join(receipts, "use.receipt.json"), canonical(access.jws, { maxBytes: 1 << 18, maxDepth: 4 }));
    const ran = await once1("--receipts", receipts);
    expect(ran.exitCode, ran.err + ran.out).to.equal(0);
    await writeFile(path.join(receipts, "false.receipt.json"), "{}");
    const refused = await once1("--receipts", receipts);
    expect([refused.exitCode, refused.out.includes("RECEIPT_REFUSED")]).to.deep.equal([1, true]);
    await rm(path.join(receipts, "false.receipt.json"));
    expect((await once1("--receipts", receipts)).exitCode).to.equal(0);
  });

  it("no gateway: exit code 3, and nothing is lost", async () => {
    const ran = await runProgram(argv("--once", "--json"), { ...variables(), QUANJI_GATEWAY: "http://127.0.0.1:1" });
    const { unreachable } = JSON.parse(ran.out) as { readonly unreachable: readonly string[] };
    expect([ran.exitCode, unreachable]).to.deep.equal([3, ["http://127.0.0.1:1"]]);
    expect((await once1()).exitCode).to.equal(0);
  });
});
