/** `quanji blocks` and `quanji audit` on a gateway that was used, as an operator and an auditor run them. */
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { LOG_VS_LEDGER_LIMITS } from "@quanji/chaincode/domain";
import {
  canonical,
  formatCheckpoint,
  formatNote,
  fromBase64url,
  NOTE_TYPES,
  noteKey,
  parseNote,
  parseTlogProof,
  sha256,
  signNote,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import { openSigner, readKeyFile } from "@quanji/client";
import { verifyLogVsLedger } from "@quanji/client/audit";
import { openTrust, verifyCheckpoint } from "@quanji/client/verify";
import { expect } from "chai";
import { envelopesOf, seal, signerOf, withEnvelopes } from "../fabric/audit/forgery.js";
import { doAfterwards } from "../support/afterwards.js";
import type { LocalHost } from "../support/host.js";
import { GATEWAY, QUANJI, type Ran, runProgram } from "../support/program.js";
import { newFolder, Stage } from "../support/stage.js";

interface Report {
  readonly ok: boolean;
  readonly code?: string;
  readonly detail?: string;
  readonly message?: string;
  readonly at?: { readonly block?: number; readonly tx?: number };
  readonly blocks: number;
  readonly written: number;
  readonly transactions: number;
  readonly valid: number;
  readonly logs: readonly { readonly origin: string; readonly size: number; readonly checkpoints: number }[];
  readonly unchecked: readonly string[];
  readonly singleOperator: boolean;
}

/** What a receipt that lies in a file says, unverified. */
async function receiptIn(file: string): Promise<{ readonly access: { readonly proof: string } }> {
  const { payload } = JSON.parse(await readFile(file, "utf8")) as { readonly payload: string };
  return { access: JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as { readonly proof: string } };
}

describe("faults: quanji blocks, quanji audit", () => {
  let stage: Stage<LocalHost>;
  let data: string;
  let work: string;
  let used: string;
  const out = (name = "blocks"): string => path.join(work, name);
  const quanji = (...argv: readonly string[]): Promise<Ran> => runProgram([QUANJI, ...argv]);

  before(async () => {
    work = await newFolder();
    stage = await Stage.open();
    data = stage.host.data;
    const grant = await stage.granted();
    await stage.use("insurer", stage.access(grant, { purpose: "marketing" }));
    await doAfterwards(stage, grant);
    used = (await stage.use("insurer", stage.access(grant, { purpose: "risk.assessment" }))).request ?? "";
  });
  after(async () => {
    await stage.close();
    await rm(work, { recursive: true });
  });

  const blocks = (...more: readonly string[]): Promise<Ran> =>
    quanji("blocks", "--data", data, "--out", out(), "--json", ...more);
  async function audit(exitCode: number, folder: string, ...more: readonly string[]): Promise<Report> {
    const trust = path.join(data, "trust.json");
    const ran = await quanji("audit", "--blocks", folder, "--trust", trust, "--json", ...more);
    expect(ran.exitCode, ran.out + ran.err).to.equal(exitCode);
    return JSON.parse(ran.out) as Report;
  }

  it("blocks are not taken from under a running gateway, nor from a folder without a ledger, nor a Fabric gateway's", async () => {
    expect((await blocks()).exitCode).to.equal(3);
    const folder = await newFolder();
    const empty = await quanji("blocks", "--data", folder, "--out", out());
    expect([empty.exitCode, empty.err]).to.satisfy(
      ([code, err]: [number, string]) => code === 2 && /no ledger/.test(err),
    );
    await writeFile(
      path.join(folder, "gateway.json"),
      JSON.stringify({ ledger: "fabric", fabric: { profile: "profile.json" } }),
    );
    expect((await quanji("blocks", "--data", folder, "--out", out())).err).to.match(/peer channel fetch/);
    const unnamed = await runProgram([GATEWAY, "blocks"], { QUANJI_DATA: folder, QUANJI_BLOCKS: "" });
    expect([unnamed.exitCode, unnamed.out]).to.satisfy(
      ([code, said]: [number, string]) => code === 2 && /QUANJI_BLOCKS/.test(said),
    );
    await rm(folder, { recursive: true });
  });

  it("the gateway's blocks hold, and its records' roots are what the receipts say", async () => {
    const { access } = await (await stage.client("insurer")).receipt(used);
    await writeFile(path.join(work, "use.receipt.json"), JSON.stringify(access.jws));
    await stage.host.close();
    const first = JSON.parse((await blocks()).out) as Report;
    expect(first.written).to.equal(first.blocks);
    expect((await readdir(out())).length).to.equal(first.blocks);
    const again = JSON.parse((await blocks()).out) as Report;
    expect([again.blocks, again.written], "nothing is written twice").to.deep.equal([first.blocks, 0]);
    const verdict = await audit(0, out(), "--evidence", path.join(work, "use.receipt.json"));
    expect(verdict).to.include({ ok: true, blocks: first.blocks, singleOperator: true });
    expect(verdict.transactions).to.be.greaterThan(5);
    expect(verdict.logs).to.have.length(1);
    expect(verdict.logs[0]).to.include({ origin: access.record.face.log, checkpoints: 1 });
    expect(verdict.logs[0]?.size).to.be.at.least(3);
    expect(verdict.unchecked).to.deep.equal(["later", "organisations", "private", "commitHash"]);
    expect((await audit(0, out())).unchecked).to.include("checkpoints");
    const trust = path.join(data, "trust.json");
    const text = (await quanji("audit", "--blocks", out(), "--trust", trust)).out;
    expect(text)
      .to.match(/^VALID {2}ledger /)
      .and.to.match(/not checked: values of private collections/);
    const chinese = (await quanji("audit", "--blocks", out(), "--trust", trust, "--lang", "zh")).out;
    expect(chinese)
      .to.match(/^有效 {2}账本 /)
      .and.to.match(/未检查： 其后是否还有区块/);
  });

  it("a missing file, an altered one, and one that is another block: code, place, and what to do", async () => {
    const changed = out("changed");
    await cp(out(), changed, { recursive: true });
    const bytes = await readFile(path.join(changed, "3.block"));
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    await writeFile(path.join(changed, "3.block"), bytes);
    const altered = await audit(1, changed);
    expect(altered).to.deep.include({ code: "PROOF_INVALID", detail: "BLOCK_DATA_HASH", at: { block: 3 }, blocks: 3 });
    const {
      err,
      exitCode,
      out: text,
    } = await quanji("audit", "--blocks", changed, "--trust", path.join(data, "trust.json"));
    expect([exitCode, err]).to.deep.equal([1, ""]);
    expect(text).to.match(/PROOF_INVALID · BLOCK_DATA_HASH: .+ \(block 3\)\n {2}next: do not rely/);
    await rm(path.join(changed, "2.block"));
    expect(await audit(1, changed)).to.deep.include({ detail: "BLOCK_MISSING", at: { block: 2 } });
    const kept = await quanji("blocks", "--data", data, "--out", changed);
    expect([kept.exitCode, kept.err]).to.satisfy(
      ([code, said]: [number, string]) => code === 2 && /3\.block is another block/.test(said),
    );
  });

  it("a larger log than the blocks hold: the newest are missing", async () => {
    const short = out("short");
    await cp(out(), short, { recursive: true });
    const last = (await readdir(short)).length - 1;
    for (let number = last; number > 5; number--) await rm(path.join(short, `${number}.block`));
    expect((await audit(0, short)).blocks).to.equal(6);
    const known = await audit(1, short, "--evidence", path.join(work, "use.receipt.json"));
    expect(known).to.include({ ok: false, detail: "LOG_SIZE" });
  });

  it("a checkpoint of another tree than the blocks hold: a proof that convicts the log, and nobody by what is not so", async () => {
    const trust = path.join(data, "trust.json");
    const { jwk } = await readKeyFile(path.join(data, "keys", "log.jwk"));
    const { sign } = await openSigner({ jwk, party: "operator" });
    const { access } = await receiptIn(path.join(work, "use.receipt.json"));
    const { checkpoint } = parseTlogProof(access.proof);
    const { origin, size } = checkpoint;
    const key = noteKey(origin, NOTE_TYPES.ed25519, fromBase64url(jwk.x));
    const signed = async (name: string, at = size): Promise<string> => {
      const text = formatCheckpoint({ origin, size: at, root: sha256(utf8(name)) });
      return formatNote({ text, signatures: [await signNote(text, key, sign)] });
    };
    const lie = path.join(work, "lie.checkpoint");
    await writeFile(lie, await signed("another tree"));
    const file = path.join(work, "lie.evidence.json");
    const found = await quanji("audit", "--blocks", out(), "--evidence", lie, "--trust", trust, "--out", file);
    expect([found.exitCode, found.out]).to.satisfy(
      ([code, said]: [number, string]) => code === 1 && /FORK/.test(said) && /LOG AGAINST LEDGER SHOWN/.test(said),
      found.out + found.err,
    );
    const told = await quanji("evidence", file, "--trust", trust, "--lang", "zh");
    expect([told.exitCode, told.out]).to.satisfy(
      ([code, said]: [number, string]) => code === 0 && said.startsWith("已证明日志与账本不符"),
    );
    const opened = await openTrust(await readFile(trust), { now: Date.now() });
    const check = async (change: (proof: Record<string, string>) => Record<string, string> = (proof) => proof) => {
      const proof = change(JSON.parse(await readFile(file, "utf8")) as Record<string, string>);
      return verifyLogVsLedger(canonical(proof, LOG_VS_LEDGER_LIMITS), opened.trust, async (note) => {
        const root = (await verifyCheckpoint(parseNote(note), origin, opened)).checkpoint;
        return { origin, size: root.size, root: root.root };
      });
    };
    const good = await check();
    expect(good).to.deep.include({ ok: true, log: origin, size, accused: [{ name: origin, role: "log" }] });
    expect(good.endorsed).to.have.length.of.at.least(2);
    const bytes = async (name: string): Promise<string> => toBase64url(await readFile(path.join(out(), name)));
    const [genesis, third] = [await bytes("0.block"), await bytes("3.block")];
    const honest = formatNote(parseTlogProof(access.proof).note);
    const stranger = (await signed("another tree")).replace(/\n— .*\n$/, "\n— somebody AAAAAAAA\n");
    const otherSize = await signed("another tree", size + 1);
    const cases: readonly (readonly [string, Record<string, string>, string])[] = [
      ["the true checkpoint", { checkpoint: honest }, "FORK_UNPROVEN"],
      ["of another size", { checkpoint: otherSize }, "FORK_UNPROVEN"],
      ["signed by somebody else", { checkpoint: stranger }, "LOG_SIGNATURE_INVALID"],
      ["another block", { block: third }, "FORK_UNPROVEN"],
      ["nobody read it later", { later: third }, "BLOCK_CHAIN"],
      ["another configuration", { config: third }, "CONFIG_UNKNOWN"],
      ["the configuration as the block", { block: genesis }, "LAST_CONFIG"],
      ["no block", { block: "AAAA" }, "BLOCK_MALFORMED"],
    ];
    for (const [what, change, detail] of cases) {
      expect(await check((proof) => ({ ...proof, ...change })), what).to.include({ ok: false, detail });
    }
    const swapped = await check((proof) => ({ ...proof, block: proof["later"] ?? "", later: proof["block"] ?? "" }));
    expect(swapped.detail).to.equal("BLOCK_CHAIN");
  });

  it("against another peer's blocks: the same, those of another ledger, and a fork that the orderer signed", async () => {
    const trust = path.join(data, "trust.json");
    const against = (folder: string, ...more: readonly string[]): Promise<Ran> =>
      quanji("audit", "--blocks", out(), "--against", folder, "--trust", trust, ...more);
    const same = await against(out("short"));
    expect([same.exitCode, same.out + same.err]).to.satisfy(
      ([code, said]: [number, string]) => code === 0 && said.includes("the same, as far as both go"),
    );
    const forked = out("forked");
    await cp(out(), forked, { recursive: true });
    const last = `${(await readdir(forked)).length - 1}.block`;
    const block = await readFile(path.join(forked, last));
    const orderer = await signerOf("OrdererMSP", {
      certificate: path.join(data, "organisations", "OrdererMSP", "orderer.pem"),
      key: path.join(data, "organisations", "OrdererMSP", "orderer.key"),
    });
    const [envelope = new Uint8Array()] = envelopesOf(await readFile(path.join(forked, "3.block")));
    await writeFile(path.join(forked, last), seal(withEnvelopes(block, [envelope]), [orderer], false));
    const file = path.join(work, "fork.evidence.json");
    const found = await against(forked, "--out", file);
    expect([found.exitCode, found.out]).to.satisfy(
      ([code, said]: [number, string]) => code === 1 && /LEDGER FORK SHOWN/.test(said) && /OrdererMSP/.test(said),
    );
    const checked = await quanji("evidence", file, "--trust", trust, "--json");
    expect(checked.exitCode, checked.out + checked.err).to.equal(0);
    expect(JSON.parse(checked.out)).to.deep.include({ ok: true, kind: "evidence", shows: "ledger-fork" });
    expect((await quanji("evidence", file, "--trust", trust)).out).to.match(
      /both are signed by the orderer OrdererMSP/,
    );
    await rm(path.join(forked, "0.block"));
    await cp(path.join(out(), "1.block"), path.join(forked, "0.block"));
    const foreign = await against(forked);
    expect([foreign.exitCode, foreign.out]).to.satisfy(
      ([code, said]: [number, string]) => code === 1 && /GENESIS_HASH/.test(said),
    );
    for (const wrong of [
      ["--out", file],
      ["--against", path.join(work, "nowhere")],
    ]) {
      expect((await quanji("audit", "--blocks", out(), "--trust", trust, ...wrong)).exitCode).to.equal(2);
    }
  });
});
