import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { FileSource, type FileOptions } from "./file-source.js";
import { collect, never, plan, rejected, rowsOf } from "./support.test.js";

const CSV = "date,station,tempMax\n2026-01-01,S1,12.8\n2026-01-02,S2,-0.5\n2026-01-03,S1,\n";

describe("file source", () => {
  let home: string;
  let folder: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "quanji-source-"));
    folder = join(home, "sources");
    await mkdir(join(folder, "deep"), { recursive: true });
    await writeFile(join(folder, "weather.csv"), CSV);
    await writeFile(join(home, "secret.csv"), CSV);
  });
  afterEach(() => rm(home, { recursive: true }));

  const source = (path: string, options: Partial<FileOptions> = {}) =>
    new FileSource({ format: "csv", folder, path, maxBytes: 1000, clock: Date.now, ...options });
  const requested = ["date", "tempMax"];
  const refusal = async (path: string, options: Partial<FileOptions> = {}) => {
    const error = await rejected(() => rowsOf(source(path, options), plan({}, { requested })));
    expect(error.code).to.equal("SOURCE_FAILED");
    return error.detail;
  };

  it("answers the query over a table", async () => {
    const request = plan({ where: [{ field: "tempMax", op: "ge", value: "-1" }], after: 1, limit: 5 }, { requested });
    expect(await rowsOf(source("weather.csv"), request)).to.deep.equal([{ date: "2026-01-02", tempMax: -0.5 }]);
  });

  it("keeps a settled file's rows, and serves a changed file once it has looked again", async () => {
    const DAY_MS = 86_400_000;
    let nowMs = Date.now() + DAY_MS; // from here the file, written just now, has stood unchanged for a day
    const kept = source("weather.csv", { clock: () => nowMs });
    const days = async () => (await rowsOf(kept, plan({}, { requested: ["date"] }))).map((row) => row["date"]);
    expect(await days()).to.have.length(3);
    await writeFile(join(folder, "weather.csv"), "date\n2026-02-01\n");
    expect(await days()).to.have.length(3);
    expect(await rowsOf(kept, plan({}, { requested: ["station"] })).catch(() => "looked")).to.equal("looked");
    nowMs += 1_000;
    expect(await days()).to.deep.equal(["2026-02-01"]);
  });

  it("does not trust equal time stamps of a file that changed a moment ago", async () => {
    let nowMs = Date.now();
    const fresh = source("weather.csv", { clock: () => nowMs });
    const request = plan({}, { requested: ["date"] });
    expect(await rowsOf(fresh, request)).to.have.length(3);
    await writeFile(join(folder, "weather.csv"), "date\n2026-02-01\n");
    nowMs += 1_000;
    expect(await rowsOf(fresh, request)).to.have.length(1);
  });

  it("answers a range by a field that is not requested", async () => {
    const request = plan({}, { requested: ["station"], range: { from: "2026-01-02", to: "2026-01-03" } });
    expect(await rowsOf(source("weather.csv"), request)).to.deep.equal([{ station: "S2" }]);
  });

  it("reads JSON and NDJSON", async () => {
    const rows = [{ date: "2026-01-01", tempMax: 1, secret: "s" }];
    await writeFile(join(folder, "deep/a.json"), JSON.stringify({ items: rows }));
    await writeFile(join(folder, "deep/a.ndjson"), JSON.stringify(rows[0]));
    const expected = [{ date: "2026-01-01", tempMax: 1 }];
    const request = plan({}, { requested });
    expect(await rowsOf(source("deep/a.json", { format: "json", items: "/items" }), request)).to.deep.equal(expected);
    expect(await rowsOf(source("deep/a.ndjson", { format: "ndjson" }), request)).to.deep.equal(expected);
  });

  it("path traversal out of the folder is refused", async () => {
    for (const path of ["../secret.csv", "deep/../../secret.csv", join(home, "secret.csv"), "/etc/passwd"]) {
      expect(await refusal(path), path).to.equal("FILE_OUTSIDE");
    }
  });

  it("a symlink out of the folder is refused, as file and as directory", async () => {
    await symlink(join(home, "secret.csv"), join(folder, "file.csv"));
    await symlink(home, join(folder, "up"));
    expect(await refusal("file.csv")).to.equal("FILE_OUTSIDE");
    expect(await refusal("up/secret.csv")).to.equal("FILE_OUTSIDE");
  });

  it("a neighbour whose name begins like the folder's is outside", async () => {
    await mkdir(join(home, "sources-of-others"));
    await writeFile(join(home, "sources-of-others/a.csv"), CSV);
    expect(await refusal("../sources-of-others/a.csv")).to.equal("FILE_OUTSIDE");
  });

  it("a symlink inside the folder may be followed", async () => {
    await symlink(join(folder, "weather.csv"), join(folder, "today.csv"));
    expect(await rowsOf(source("today.csv"), plan({ limit: 1 }, { requested }))).to.have.length(1);
  });

  it("what is no regular file is refused, a pipe without waiting for its writer", async () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(await refusal("pipe")).to.equal("FILE_UNREADABLE");
    expect(await refusal("deep")).to.equal("FILE_UNREADABLE");
    expect(await refusal("absent.csv")).to.equal("FILE_UNREADABLE");
  });

  it("a file above the limit is refused unread", async () => {
    expect(await refusal("weather.csv", { maxBytes: CSV.length - 1 })).to.equal("TOO_LARGE");
    await rowsOf(source("weather.csv", { maxBytes: CSV.length }), plan({}, { requested }));
  });

  it("ends with the signal", async () => {
    const controller = new AbortController();
    controller.abort(new Error("client left"));
    const act = () => collect(source("weather.csv").open(plan({}, { requested }), controller.signal));
    await act().then(
      () => expect.fail("nothing was rejected"),
      (error: unknown) => expect((error as Error).message).to.equal("client left"),
    );
  });

  it("leaves no file open, whichever way the reading ends", async () => {
    const open = async () => (await readdir("/proc/self/fd")).length;
    const request = plan({}, { requested });
    await rowsOf(source("weather.csv"), request);
    const before = await open();
    for await (const row of source("weather.csv").open(request, never())) {
      expect(row["date"]).to.equal("2026-01-01");
      break;
    }
    await rowsOf(source("weather.csv"), plan({ limit: 1 }, { requested }));
    await refusal("weather.csv", { format: "json" });
    await refusal("weather.csv", { maxBytes: 1 });
    expect(await open()).to.equal(before);
  });
});
