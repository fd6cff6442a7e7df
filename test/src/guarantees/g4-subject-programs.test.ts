/** G4 for a data subject, as steward, regulator and person do it: with `quanji tag-key`, `quanji trail subject` and `quanji verify`. */
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { quarterOf } from "@quanji/chaincode/domain";
import { generateKey, openSigner, toJwkFile } from "@quanji/client";
import { expect } from "chai";
import type { LocalHost } from "../support/host.js";
import { PEOPLE } from "../support/people.js";
import { QUANJI, runProgram } from "../support/program.js";
import { IDS, type Name, newFolder, Stage } from "../support/stage.js";
import { until } from "../support/until.js";

const ALICE = "51010019850505123x";

describe("G4 a data subject's trail, by the programs", () => {
  let stage: Stage<LocalHost>;
  let folder: string;
  let quarter: string;
  let tag: string;

  const at = (name: string): string => path.join(folder, name);
  const keyOf = (name: Name): string =>
    name === "regulator" ? path.join(stage.host.data, "keys", "regulator.jwk") : at(`${name}.jwk`);
  /** Exit code, and what `--json` says. */
  const quanji = async (by: Name, ...argv: readonly string[]): Promise<Record<string, unknown>> => {
    const to = ["--gateway", stage.host.address, "--key", keyOf(by), "--trust", stage.trustFile, "--json"];
    const { exitCode, out, err } = await runProgram([QUANJI, ...argv, ...to]);
    const said = JSON.parse(out === "" ? err : out) as Record<string, unknown>;
    return { exitCode, ...said };
  };
  const filesNow = async (): Promise<string[]> => (await readdir(folder)).sort();

  before(async () => {
    stage = await Stage.open({ resources: [PEOPLE] });
    folder = await newFolder();
    await stage.register(PEOPLE, { subjectKind: "person" });
    quarter = quarterOf(stage.host.clock(), "+08:00");
    for (const name of ["bureau", "insurer"] as const) {
      await writeFile(at(`${name}.jwk`), stage.keyFile(name), { mode: 0o600 });
    }
    for (const name of ["escrow", "other"]) {
      const key = { jwk: await generateKey("ES256"), party: IDS.regulator };
      await writeFile(at(`${name}.jwk`), JSON.stringify(toJwkFile(key)), { mode: 0o600 });
      if (name === "other") continue;
      const client = await stage.client("regulator");
      await client.parties.rotateKey(await openSigner(key), { purpose: "escrow" });
    }
  });
  after(async () => {
    await stage.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("make: a file that its owner alone can read; a quarter's key once", async () => {
    const own = ["tag-key", "make", "--keys", at("tags.json"), "--quarter", quarter];
    expect(await quanji("bureau", ...own)).to.deep.include({ exitCode: 0, party: IDS.bureau, quarters: [quarter] });
    expect((await stat(at("tags.json"))).mode & 0o777).to.equal(0o600);
    const made = await readFile(at("tags.json"), "utf8");
    expect(await quanji("bureau", ...own)).to.include({ exitCode: 1, code: "STATE_CONFLICT" });
    expect(await readFile(at("tags.json"), "utf8")).to.equal(made);
  });

  it("register: by the steward whose keys they are, once a quarter", async () => {
    const own = ["tag-key", "register", "--keys", at("tags.json"), "--quarter", quarter];
    expect((await quanji("insurer", ...own))["exitCode"]).not.to.equal(0);
    expect(await quanji("bureau", ...own)).to.include({ exitCode: 0, party: IDS.bureau, quarter });
    expect(await quanji("bureau", ...own)).to.include({ exitCode: 1, code: "STATE_CONFLICT" });
  });

  it("tag: the same however the number is typed, another for another person", async () => {
    const own = ["tag-key", "tag", "--keys", at("tags.json"), "--quarter", quarter];
    const { tags } = await quanji("bureau", ...own, ALICE, `${ALICE.slice(0, 6)} ${ALICE.slice(6).toUpperCase()}`, "1");
    const [one = "", two, three] = tags as string[];
    expect(one)
      .to.match(/^[\w-]{43}$/)
      .and.equal(two);
    expect(three).not.to.equal(one);
    tag = one;
  });

  it("open: by the regulator, with the key that it is sealed to; the same tags follow", async () => {
    const open = (key: string, keys: string): string[] => [
      ...["tag-key", "open", IDS.bureau, "--quarter", quarter, "--ground", "sample 12"],
      ...["--escrow-key", at(key), "--keys", at(keys)],
    ];
    expect(await quanji("insurer", ...open("escrow.jwk", "none.json"))).to.include({
      exitCode: 1,
      code: "ROLE_REQUIRED",
    });
    expect(await quanji("regulator", ...open("other.jwk", "none.json"))).to.include({
      exitCode: 1,
      code: "KEY_INVALID",
    });
    expect(await filesNow()).not.to.include("none.json");
    expect(await quanji("regulator", ...open("escrow.jwk", "sample.json"))).to.include({ exitCode: 0, quarter });
    const own = ["tag-key", "tag", ALICE, "--keys", at("sample.json"), "--quarter", quarter];
    expect((await quanji("regulator", ...own))["tags"]).to.deep.equal([tag]);
    const { opened } = (await (await stage.client("regulator")).parties.get(IDS.bureau)).tagKeys?.[0] ?? {};
    expect(opened).to.equal(1);
  });

  it("trail subject: an index first, then her trail, which verifies; not to everybody", async () => {
    const grant = await stage.granted("insurer", {}, { resource: PEOPLE });
    for (const about of [{ subjects: [tag] }, {}]) {
      const { request = "" } = await stage.use("insurer", stage.access(grant, { resource: PEOPLE, ...about }));
      const client = await stage.client("insurer");
      await until(async () => (await client.receipt(request)).delivery);
    }
    const get = (out: string, ...more: readonly string[]): string[] => [
      "trail",
      "subject",
      IDS.bureau,
      "--out",
      at(out),
      ...more,
    ];
    const hers = ["--identifier", ALICE, "--quarters", quarter, "--keys", at("tags.json")];
    expect(await quanji("bureau", ...get("a.trail.ndjson", ...hers))).to.include({
      exitCode: 1,
      code: "STATE_CONFLICT",
    });
    expect(await quanji("insurer", ...get("a.trail.ndjson", "--tags", `${quarter}.${tag}`))).to.include({
      exitCode: 1,
      code: "NOT_FOUND",
    });
    expect((await filesNow()).filter((name) => name.includes("trail"))).to.deep.equal([]);
    expect(await quanji("bureau", ...get("hers.trail.ndjson", "--fresh", ...hers))).to.include({ exitCode: 0 });
    expect(await quanji("bureau", "verify", at("hers.trail.ndjson"))).to.deep.include({
      exitCode: 0,
      ok: true,
      records: 2,
      of: { kind: "subject", id: IDS.bureau, tags: [{ quarter, tag }], bulk: false },
    });
    const bulk = get("all.trail.ndjson.gz", "--fresh", "--bulk", "--tags", `${quarter}.${tag}`);
    expect(await quanji("regulator", ...bulk)).to.include({ exitCode: 0 });
    expect(await quanji("bureau", "verify", at("all.trail.ndjson.gz"))).to.include({
      exitCode: 0,
      ok: true,
      records: 3,
    });
  });
});
