import { writeFile } from "node:fs/promises";
import { canonical, formatCheckpoint, formatNote, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { LOG, LOG_KEYS, SmallWorld, trustFile } from "../verify/support.test.js";
import { Desk } from "./io.test.js";

const checkpoint = async (name: string): Promise<string> => {
  const text = formatCheckpoint({ origin: LOG, size: 3, root: sha256(utf8(name)) });
  return formatNote({ text, signatures: [await LOG_KEYS[LOG]!.note(text)] });
};

describe("quanji evidence", () => {
  let desk: Desk;
  before(async () => {
    desk = await Desk.open();
    const world = await new SmallWorld().begin();
    await writeFile(
      desk.path("trust.json"),
      trustFile({ ...world.trustPayload(), expires: "2999-01-01T00:00:00.000Z" }),
    );
  });
  after(() => desk.close());
  const file = async (older: string, newer: string): Promise<void> => {
    const fork = {
      v: "quanji.evidence.v1",
      kind: "fork",
      older: await checkpoint(older),
      newer: await checkpoint(newer),
    };
    await writeFile(desk.path("fork.json"), `${canonical(fork)}\n`);
  };
  const ARGS = ["evidence", "fork.json", "--trust", "trust.json"];

  it("names who signed two histories", async () => {
    await file("one history", "another");
    const { exitCode, out } = await desk.run(ARGS);
    expect([exitCode, out.split("\n").slice(0, 3)]).to.deep.equal([
      0,
      ["FORK SHOWN  fork.json", `  ${LOG}: 3, 3`, `  both histories are signed by the log ${LOG}`],
    ]);
    const { json } = await desk.run([...ARGS, "--json"]);
    expect(json).to.deep.include({ ok: true, kind: "evidence", accused: [{ name: LOG, role: "log" }] });
  });

  it("ends with 1 where nothing is shown, and says why", async () => {
    await file("one history", "one history");
    const { exitCode, out } = await desk.run(ARGS);
    expect([exitCode, out]).to.satisfy(
      ([code, text]: [number, string]) => code === 1 && text.includes("FORK_UNPROVEN"),
    );
  });

  it("needs a trust file", async () => {
    const { exitCode, err } = await desk.run(["evidence", "fork.json"]);
    expect([exitCode, err.includes("--trust")]).to.deep.equal([2, true]);
  });
});
