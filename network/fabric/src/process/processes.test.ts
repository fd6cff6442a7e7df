import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import { metricOf } from "../channel/leader.js";
import { NetworkFailure } from "../tools/failure.js";
import { run } from "../tools/run.js";
import { until } from "../tools/wait.js";
import { Layout } from "../topology/layout.js";
import { isAlive, Processes, type Program } from "./processes.js";

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe("network/fabric processes", () => {
  let root: string;
  let processes: Processes;
  let layout: Layout;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), "quanji-processes-"));
    layout = new Layout(root);
    processes = new Processes(layout);
  });
  afterEach(async () => {
    for (const { id } of await processes.list()) await processes.stop(id);
    rmSync(root, { recursive: true });
  });

  const program = (id: string, script: string): Program => ({
    ...{ id, kind: "peer", file: process.execPath, args: ["-e", script], cwd: root, env: {}, endpoint: "" },
  });
  const FOREVER = "setInterval(() => {}, 1000)";
  const STUBBORN = `process.on("SIGTERM", () => {}); ${FOREVER}; console.log("deaf")`;

  it("starts once, keeps a log, and forgets what it has ended", async () => {
    const one = program("one", `console.log("hello"); ${FOREVER}`);
    expect(await processes.start(one)).to.equal(true);
    expect(await processes.start(one)).to.equal(false);
    const record = await processes.find("one");
    expect(await isAlive(record!)).to.equal(true);
    expect(statSync(layout.processes).mode & 0o777).to.equal(0o600);
    await until(async () => Promise.resolve(readFileSync(layout.log("one"), "utf8").includes("hello") || undefined), {
      ...{ subject: "one", purpose: "say hello", within: 5_000, advice: "" },
    });
    await processes.stop("one");
    expect(await isAlive(record!)).to.equal(false);
    expect(await processes.list()).to.deep.equal([]);
  });

  it("starts several at a time without losing one from the record", async () => {
    await Promise.all(["a", "b", "c", "d"].map((id) => processes.start(program(id, FOREVER))));
    expect((await processes.list()).map(({ id }) => id).sort()).to.deep.equal(["a", "b", "c", "d"]);
  });

  it("does not take another process for its own when a process id was used again", async () => {
    await processes.start(program("one", FOREVER));
    const [record] = await processes.list();
    expect(await isAlive({ ...record!, started: "1" })).to.equal(false);
    expect(await isAlive({ ...record!, pid: process.pid })).to.equal(false);
  });

  it("starts a killed process again as it was", async () => {
    await processes.start(program("one", FOREVER));
    await processes.signal("one", "SIGKILL");
    const before = await processes.find("one");
    await until(async () => ((await isAlive(before!)) ? undefined : true), {
      ...{ subject: "one", purpose: "die", within: 5_000, advice: "" },
    });
    const failure = await caught(processes.assertAlive("one"));
    expect(failure).to.be.instanceOf(NetworkFailure);
    await processes.restart("one");
    await processes.assertAlive("one");
    expect((await processes.find("one"))?.pid).to.not.equal(before?.pid);
  });

  it("ends even a stopped process", async () => {
    await processes.start(program("one", FOREVER));
    await processes.signal("one", "SIGSTOP");
    await processes.stop("one");
    expect(await processes.list()).to.deep.equal([]);
  });

  it("ends one that does not listen, by force, after asking", async () => {
    processes = new Processes(layout, 300);
    await processes.start(program("one", STUBBORN));
    await until(async () => Promise.resolve(readFileSync(layout.log("one"), "utf8").includes("deaf") || undefined), {
      ...{ subject: "one", purpose: "be deaf", within: 5_000, advice: "" },
    });
    await processes.stop("one");
    expect(await processes.list()).to.deep.equal([]);
  });

  it("says which program cannot be started, and which log to read when one has ended", async () => {
    const none = await caught(processes.start({ ...program("none", ""), file: path.join(root, "none") }));
    expect(none).to.be.instanceOf(NetworkFailure);
    await processes.start(program("brief", 'console.error("port in use"); process.exit(1)'));
    const brief = await processes.find("brief");
    await until(async () => ((await isAlive(brief!)) ? undefined : true), {
      ...{ subject: "brief", purpose: "end", within: 5_000, advice: "" },
    });
    const ended = (await caught(processes.assertAlive("brief"))) as NetworkFailure;
    expect(ended.message).to.match(/^brief: has ended:[\s\S]*port in use/);
    expect(ended.log).to.equal(layout.log("brief"));
  });

  it("refuses a record that it cannot read, instead of forgetting what runs", async () => {
    writeFileSync(layout.processes, "[{}]");
    expect(await caught(processes.list())).to.be.instanceOf(NetworkFailure);
    rmSync(layout.processes);
    expect(await caught(processes.restart("one"))).to.be.instanceOf(NetworkFailure);
  });

  it("runs a command to its end, keeps secrets out of its log, and tells why one failed", async () => {
    const log = layout.commands;
    const node = (script: string, within?: number) =>
      run({
        ...{ what: "trial", file: process.execPath, args: ["-e", script], log, secrets: ["pa55"] },
        ...(within === undefined ? {} : { within }),
      });
    expect(await node('process.stdout.write("pa55 ok")')).to.equal("pa55 ok");
    expect(readFileSync(log, "utf8")).to.include("******** ok").and.not.include("pa55");
    const failed = (await caught(
      node('console.error("Error: no peer pa55\\nusage: a\\nb\\nc\\nd\\ne"); process.exit(3)'),
    )) as NetworkFailure;
    expect(failed.message).to.equal("trial: failed with exit code 3\nError: no peer ********");
    expect(failed.log).to.equal(log);
    expect(((await caught(node(FOREVER, 200))) as NetworkFailure).message).to.include("did not end within 0.2 s");
  });

  it("stops waiting when its time is over, and at once for a failure that waiting cannot mend", async () => {
    const waiting = { subject: "x", purpose: "come", within: 60, every: 5, advice: "call" };
    const late = (await caught(until(() => Promise.reject(new Error("closed")), waiting))) as NetworkFailure;
    expect(late.message).to.equal("x: did not come within 0.06 s (closed)");
    const fatal = new NetworkFailure("y", "has ended", { advice: "" });
    expect(await caught(until(() => Promise.reject(fatal), { ...waiting, within: 60_000 }))).to.equal(fatal);
  });

  it("reads a channel's metric", () => {
    const text = 'm{channel="other"} 0\nm{channel="quanji"} 1\nmm{channel="quanji"} 2';
    expect(metricOf(text, "m", "quanji")).to.equal(1);
    expect(metricOf(text, "n", "quanji")).to.equal(undefined);
  });
});
