import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import type { Program } from "../process/processes.js";
import { write } from "../tools/files.js";
import { ENVIRONMENT, runScript, startScript, STOP_SCRIPT, unit } from "./scripts.js";

const MADE_AT = "/where/it/was/made/nodes/peer0.holder";

const program = (script: string): Program => ({
  id: "peer0.holder",
  kind: "peer",
  file: process.execPath,
  args: ["-e", script],
  cwd: MADE_AT,
  env: { FABRIC_CFG_PATH: MADE_AT, ADDRESSES: `${MADE_AT}/addresses`, SAYS: 'a "quoted" $word `here`' },
  endpoint: "holder.example:7110",
});

describe("network/fabric hosts", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "quanji-host-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const sh = (script: string): string =>
    execFileSync("sh", [path.join(folder, script)], {
      env: { PATH: process.env["PATH"], NODE: process.execPath },
    }).toString();

  const place = async (script: string): Promise<void> => {
    await write(path.join(folder, "environment"), ENVIRONMENT);
    await write(path.join(folder, "nodes", "peer0.holder", "run-peer.sh"), script, 0o755);
  };

  it("moves with its folder: paths follow the script, programs the host's environment", async () => {
    const says = "process.stdout.write(JSON.stringify([process.cwd(), process.env]))";
    await place(runScript(program(says)));
    const [cwd, env] = JSON.parse(sh("nodes/peer0.holder/run-peer.sh")) as [string, Record<string, string>];
    const there = path.join(folder, "nodes", "peer0.holder");
    expect(cwd).to.equal(there);
    expect(env).to.include({
      FABRIC_CFG_PATH: there,
      ADDRESSES: `${there}/addresses`,
      SAYS: 'a "quoted" $word `here`',
    });
    expect(runScript({ ...program(""), file: "/built/bin/peer" })).to.include('exec "$FABRIC_BIN/peer"');
    expect(runScript(program(""))).to.not.include("/where/it/was/made");
  });

  it("starts once, and ends what it started", async () => {
    await place(runScript(program("setInterval(() => {}, 1000)")));
    await write(
      path.join(folder, "start.sh"),
      startScript([["peer0.holder", "nodes/peer0.holder/run-peer.sh"]]),
      0o755,
    );
    await write(path.join(folder, "stop.sh"), STOP_SCRIPT, 0o755);
    expect(sh("start.sh")).to.equal("peer0.holder started, log: logs/peer0.holder.log\n");
    expect(sh("start.sh")).to.equal("peer0.holder runs\n");
    expect(sh("stop.sh")).to.equal("peer0.holder ended\n");
    expect(sh("stop.sh")).to.equal("");
  });

  it("gives systemd a unit that may write its own folder only", () => {
    const text = unit(program(""), "/opt/quanji", "nodes/peer0.holder/run-peer.sh");
    expect(text).to.include("ExecStart=/opt/quanji/nodes/peer0.holder/run-peer.sh\n");
    expect(text).to.include("ReadWritePaths=/opt/quanji/nodes/peer0.holder\n");
    expect(text).to.include("User=quanji\n");
  });
});
