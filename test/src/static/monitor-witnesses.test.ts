/** The monitor beside a gateway whose log four organisations cosign: it tells of uses, of a quorum that is gone, and of a fork. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  canonical,
  cosignNote,
  formatCheckpoint,
  formatNote,
  fromBase64url,
  NOTE_TYPES,
  noteKey,
  parseCheckpoint,
  parseNote,
  sha256,
  utf8,
} from "@quanji/chaincode/log";
import { openSigner, publicOf, readKeyFile } from "@quanji/client";
import { expect } from "chai";
import type { Hands } from "../../../client/dist/verify/forging.support.test.js";
import { handsOf, HostileGateway, say } from "../attacks/hostile.js";
import { EMBEDDED } from "../support/ground.js";
import { type LocalHost, LOG, NET } from "../support/host.js";
import { QUANJI, type Ran, runProgram, startProgram } from "../support/program.js";
import { Stage } from "../support/stage.js";
import { until } from "../support/until.js";
import { type Told, usesOf, Webhook } from "../support/webhook.js";
import { type Witnessed, witnessed } from "../support/witnesses.js";

interface Looked {
  readonly notices: readonly Told[];
  readonly alarms: readonly { readonly code: string; readonly about: string }[];
}

/** More than a receipt may take to be cosigned. */
const LATER_MS = 120_000;

describe("G6 quanji monitor beside witnesses", () => {
  let city: Witnessed;
  let stage: Stage<LocalHost>;
  let hands: Hands;
  let hostile: HostileGateway;
  let hook: Webhook;
  let folder: string;
  let grant: string;

  const file = (): string => path.join(folder, "uses.ndjson");
  const state = (): string => path.join(folder, "state");
  const variables = (): Record<string, string> => ({
    QUANJI_CONFIG: path.join(folder, "config.json"),
    QUANJI_GATEWAY: hostile.address,
  });
  const argv = (...more: string[]): string[] => [
    ...[QUANJI, "monitor", "--trust", stage.trustFile],
    ...["--key", path.join(stage.host.data, "keys", "regulator.jwk"), "--state", state()],
    ...["--receipts", path.join(folder, "mine"), "--every", "1"],
    ...["--notify", file(), "--notify", hook.url, "--notify-private", ...more],
  ];
  const look = async (): Promise<Looked & { readonly ran: Ran }> => {
    const ran = await runProgram(argv("--once", "--json"), variables());
    return { ...(JSON.parse(ran.out) as Looked), ran };
  };
  const receipt = async (request: string) => (await (await stage.client("insurer")).receipt(request)).access;
  /** Until its receipt is cosigned, and the record of its delivery is there. */
  const use = async (): Promise<string> => {
    const { request = "" } = await stage.use("insurer", stage.access(grant));
    await until(async () => ((await receipt(request)).receipt.level === "cosigned" ? true : undefined));
    await until(async () => {
      const { delivery } = await (await stage.client("insurer")).receipt(request);
      return delivery?.receipt.level === "cosigned" ? true : undefined;
    });
    return request;
  };
  const inFile = async (): Promise<Told[]> =>
    (await readFile(file(), "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Told);

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-monitor-"));
    await mkdir(path.join(folder, "mine"));
    city = witnessed(EMBEDDED);
    // Its clock can be set: the time that a quorum has passes at once.
    stage = await Stage.open({ ground: city.ground, config: { network: { net: NET, testClock: true } } });
    hands = await handsOf(stage);
    hostile = await HostileGateway.before(stage.host.address);
    hook = await Webhook.open(stage.signers.regulator);
    grant = await stage.granted();
  });
  after(async () => {
    hook.close();
    await hostile.close();
    await stage.close();
    await rm(folder, { recursive: true });
  });

  it("looks once at a use that is cosigned: it is told of as verified, in the file and at the webhook", async () => {
    await look();
    const request = await use();
    const { ran } = await look();
    for (const told of [hook.taken, await inFile()]) {
      expect(
        usesOf(told, request).map(({ verified }) => verified),
        ran.err + ran.out,
      ).to.deep.equal([true, true]);
    }
  });

  it("running, it tells of each use as it comes, without being asked", async () => {
    const { child, closed, said } = await startProgram(argv(), variables(), "ready: following");
    try {
      for (let i = 0; i < 2; i++) {
        const { request = "" } = await stage.use("insurer", stage.access(grant));
        await until(() => (usesOf(hook.taken, request).length === 2 ? true : undefined));
        await until(async () => (usesOf(await inFile(), request).length === 2 ? true : undefined));
      }
    } finally {
      child.kill("SIGTERM");
    }
    expect(await closed, said()).to.equal(0);
  });

  it("the gateway and one of its witnesses sign another history: a fork, with evidence that accuses both", async () => {
    await use();
    await until(async () => ((await look()).ran.exitCode === 0 ? true : undefined));
    const seen = parseNote(await readFile(path.join(state(), "logs", LOG, "checkpoint"), "utf8"));
    const liar = seen.signatures.find(({ name }) => name !== LOG)?.name ?? "";
    const pair = await readKeyFile(city.keyFile(liar));
    const { sign } = await openSigner({ ...pair, party: "notes" });
    const key = noteKey(liar, NOTE_TYPES.cosignature, fromBase64url(publicOf(pair.jwk).x));
    hostile.lie = {
      on: "/v1/logs/0/checkpoint",
      tell: async (truth, response) => {
        const { origin, size } = parseCheckpoint(parseNote(truth.body).text);
        const text = formatCheckpoint({ origin, size, root: sha256(utf8("another history")) });
        const own = await hands.logs[LOG]?.note(text);
        const cosigned = await cosignNote(text, key, Math.floor(Date.now() / 1000), sign);
        say(truth, response, formatNote({ text, signatures: [...(own === undefined ? [] : [own]), cosigned] }));
      },
    };
    const forks = async () => (await look()).alarms.filter(({ code }) => code === "FORK");
    const shown = await forks();
    hostile.lie = undefined;
    const forked = [{ code: "FORK", about: `${LOG} at ${hostile.address}` }];
    expect(shown).to.deep.equal(forked);
    const [alarm] = hook.taken.filter(({ code }) => code === "FORK");
    expect((await inFile()).filter(({ code }) => code === "FORK")).to.have.length(1);
    const evidence = path.join(state(), alarm?.evidence ?? "");
    const judged = await runProgram([QUANJI, "evidence", evidence, "--trust", stage.trustFile, "--json"], variables());
    expect(judged.exitCode, judged.err + judged.out).to.equal(0);
    expect((JSON.parse(judged.out) as { accused: unknown }).accused).to.deep.equal([
      { name: LOG, role: "log" },
      { name: liar, role: "witness" },
    ]);
    // What was signed stays signed.
    expect(await forks()).to.deep.equal(forked);
  });

  it("a quorum is gone: a receipt that is not cosigned in time is an alarm, until the quorum is back", async () => {
    const gone = city.witnesses.splice(0, city.witnesses.length - city.quorum + 1);
    for (const witness of gone) await witness.close();
    const { request = "", outcome } = await stage.use("insurer", stage.access(grant));
    expect(outcome).to.equal("permit");
    const { jws } = await receipt(request);
    const mine = path.join(folder, "mine", "use.receipt.json");
    await writeFile(mine, canonical(jws, { maxBytes: 1 << 18, maxDepth: 4 }));
    const codes = ({ alarms }: Looked): string[] => alarms.map(({ code }) => code);
    await stage.later(LATER_MS);
    expect(codes(await look())).to.include("RECEIPT_NOT_COSIGNED");
    const alarm = hook.taken.find(({ code }) => code === "RECEIPT_NOT_COSIGNED");
    expect(alarm).to.include({ kind: "alarm", about: "use.receipt.json" });
    await city.again();
    await until(async () => (codes(await look()).includes("RECEIPT_NOT_COSIGNED") ? undefined : true));
    const over = hook.taken.filter(({ kind, code }) => kind === "cleared" && code === "RECEIPT_NOT_COSIGNED");
    expect(over.map((one) => one.alarm)).to.deep.equal([alarm?.id]);
  });
});
