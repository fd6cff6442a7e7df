/** A deal from its terms to the last cent, by the commands that its parties run and by the functions beneath them. */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { hashText, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import type { Wallet } from "ethers";
import { readAddresses } from "./addresses.js";
import { contractTopic, dealOf, portionsOf, signClaim, signerOf, type Terms, toBytes32 } from "./escrow.js";
import { Escrow } from "./escrow-contract.js";
import { readTerms } from "./escrow-files.js";
import { runEvm } from "./program.js";
import { claimFor, hash, SIGNERS, Stage, walletOf } from "./escrow.support.test.js";

const PROGRAM = fileURLToPath(new URL("./main.js", import.meta.url));
const [PAYER, SELLER, EXCHANGE] = ["payer", "seller", "exchange"].map(walletOf) as [Wallet, Wallet, Wallet];
const low = ({ address }: Wallet): string => address.toLowerCase();

describe("the escrow, as its parties use it", () => {
  let stage: Stage;
  let folder: string;
  before(async () => {
    stage = await Stage.open();
    folder = await mkdtemp(path.join(tmpdir(), "quanji-escrow-"));
    await stage.fund([PAYER, SELLER, EXCHANGE].map(low));
  });
  after(async () => {
    await stage.close();
    await rm(folder, { recursive: true, force: true });
  });

  const pass = async (seconds: number): Promise<void> => {
    await stage.send("evm_increaseTime", [seconds]);
    await stage.send("evm_mine", []);
  };
  const termsFor = async (name: string, more: Partial<Terms> = {}): Promise<Terms> => ({
    contractId: contractTopic(name),
    payer: low(PAYER),
    token: stage.tokens.SilentToken.address,
    limit: 100_000n,
    unit: 100n,
    signers: SIGNERS.slice(0, 3).map(low),
    threshold: 2,
    disputeSeconds: 1000,
    expires: (await stage.now()) + 100_000,
    ...more,
  });
  const refused = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work;
      return "taken";
    } catch (error) {
      if (!isQuanjiError(error)) throw error;
      expect(error.message).to.match(/ /);
      return `${error.code} ${error.detail ?? ""}`.trim();
    }
  };

  describe("by its functions", () => {
    let [payer, seller]: (Escrow | undefined)[] = [];
    before(async () => {
      [payer, seller] = await Promise.all(
        [PAYER, SELLER].map((wallet) => Escrow.at(stage.place, wallet.connect(stage.provider))),
      );
      await stage.token("SilentToken", low(PAYER), "mint", [low(PAYER), 1_000_000n]);
    });

    it("pays what two of three signed, and says why it does not do the rest", async () => {
      const terms = await termsFor("functions");
      const deal = dealOf(terms);
      expect(await refused(seller!.open(terms))).to.match(/^ROLE_REQUIRED NotPayer\(/);
      await payer!.open(terms);
      expect(await refused(payer!.open(terms))).to.equal(`STATE_CONFLICT DealKnown(${deal})`);
      expect(await payer!.deal(deal)).to.include({ payer: low(PAYER), free: 0n, threshold: 2, cancelled: false });
      // This token wants an allowance taken back before it is changed: what is left of another is in the way.
      await stage.token("SilentToken", low(PAYER), "approve", [stage.place.address, 1n]);
      await payer!.lock(deal, 50_000n);
      expect(await refused(payer!.lock(deal, 50_001n))).to.equal("STATE_CONFLICT OverLimit(50000, 50001)");
      expect(await refused(payer!.lock(hash("nothing"), 1n))).to.match(/^NOT_FOUND DealUnknown/);

      const portions = portionsOf(
        [
          { payee: low(SELLER), amountMinor: 90n },
          { payee: low(EXCHANGE), amountMinor: 10n },
        ],
        terms.unit,
      );
      expect(portions[0]).to.deep.equal({ payee: low(SELLER), amount: 9000n });
      const claim = claimFor(terms, "functions", portions);
      const signed = await Promise.all(SIGNERS.map((signer) => signClaim(signer, stage.place, claim)));
      expect(await refused(seller!.claim(claim, signed.slice(0, 1)))).to.equal(
        "SIGNATURE_INVALID SignaturesMissing(1, 2)",
      );
      expect(await refused(seller!.claim(claim, [signed[0]!, signed[0]!]))).to.match(/SignaturesMissing/);
      expect(await refused(seller!.claim(claim, [signed[0]!, signed[3]!]))).to.match(/^SIGNATURE_INVALID NotSigner/);
      expect(await refused(seller!.claim(claim, [signed[0]!, "0x00"]))).to.equal("SIGNATURE_INVALID");
      expect(await seller!.portions(deal, claim.root)).to.deep.equal([]);
      await seller!.claim(claim, signed.slice(1, 3).toReversed());
      expect(await seller!.claimRow(deal, claim.root)).to.include({ state: "pending", total: 10_000n });
      expect(await seller!.portions(deal, claim.root)).to.deep.equal(portions);
      expect(await refused(seller!.settle(deal, claim.root))).to.match(/^STATE_CONFLICT WindowOpen/);
      await pass(1000);
      await seller!.settle(deal, claim.root);
      expect(await refused(seller!.settle(deal, claim.root))).to.equal("STATE_CONFLICT StateInvalid(3)");
      expect(await seller!.balance(terms.token, low(SELLER))).to.equal(9000n);
      expect(await seller!.held(terms.token)).to.equal(50_000n);
      await seller!.withdraw(terms.token, low(SELLER), 9000n);
      expect(await refused(seller!.withdraw(terms.token, low(SELLER), 1n))).to.equal(
        "STATE_CONFLICT OverBalance(0, 1)",
      );
    });

    it("says that no escrow is there where none is", async () => {
      const elsewhere = await Escrow.at({ ...stage.place, address: low(EXCHANGE) }, stage.provider);
      expect(await refused(elsewhere.deal(hash("nothing")))).to.equal("NOT_FOUND");
    });

    it("refuses portions of nothing, and hashes that are none", () => {
      const wrong = (work: () => unknown): boolean => {
        try {
          work();
          return false;
        } catch (error) {
          return isQuanjiError(error);
        }
      };
      expect(wrong(() => portionsOf([{ payee: low(SELLER), amountMinor: 0n }], 10n))).to.equal(true);
      expect(wrong(() => toBytes32("0x12", "root"))).to.equal(true);
      expect(wrong(() => signerOf(hash("x"), "0x12"))).to.equal(true);
      expect(toBytes32(hashText(sha256(utf8("abc"))), "root")).to.equal(
        "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      );
    });
  });

  describe("by its commands", () => {
    let deal: string;
    let terms: Terms;
    /** The statement's digest as the ledger writes it. */
    const root = hashText(sha256(utf8("statement of October")));
    const at = (name: string): string => path.join(folder, name);

    /** As a party with its key, in its folder. Answers what is printed, or what is said where it fails. */
    const evm = async (who: Wallet | undefined, ...args: readonly string[]): Promise<string> => {
      let [printed, said] = ["", ""];
      const code = await runEvm(args, {
        out: (text) => void (printed += text),
        err: (text) => void (said += text),
        env: { QUANJI_EVM_KEY: who?.privateKey },
        folder,
      });
      return code === 0 ? printed.trim() : `refused: ${said.trim()}`;
    };
    const escrow = async (who: Wallet | undefined, name: string, ...args: readonly string[]): Promise<string> =>
      evm(who, "escrow", name, ...args, ...(name === "sign" ? [] : ["--endpoint", stage.node.endpoint]));
    const json = async (said: Promise<string>): Promise<Record<string, unknown>> => {
      const text = await said;
      expect(text).to.match(/^\{/);
      return JSON.parse(text) as Record<string, unknown>;
    };
    const minted = (amount: bigint) => stage.token("GoodToken", low(PAYER), "mint", [low(PAYER), amount]);

    it("deploys, and keeps the address beside those of anchors", async () => {
      await writeFile(at("evm-addresses.json"), JSON.stringify({ v: "quanji.addresses.v1", anchors: [] }));
      expect(await escrow(PAYER, "balance", low(PAYER), low(PAYER))).to.match(
        /names no escrow contract on chain 31337/,
      );
      expect(await escrow(undefined, "dispute", low(PAYER), low(PAYER))).to.match(/required option.*--reason/);
      expect(await escrow(undefined, "deploy")).to.match(/who acts\? set QUANJI_EVM_KEY/);
      // Once as the program itself.
      const env = { ...process.env, QUANJI_EVM_KEY: PAYER.privateKey };
      const args = [PROGRAM, "escrow", "deploy", "--endpoint", stage.node.endpoint];
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
      const deployed = JSON.parse(stdout) as unknown;
      const { anchors, escrows } = await readAddresses(at("evm-addresses.json"));
      expect([anchors, escrows]).to.deep.equal([[], [deployed]]);
    });

    it("opens a deal and locks", async () => {
      terms = await termsFor("0193-contract", { token: stage.tokens.GoodToken.address });
      const { contractId: _, limit, unit, ...rest } = terms;
      const file = {
        v: "quanji.escrow-terms.v1",
        contract: "0193-contract",
        limit: String(limit),
        unit: String(unit),
        ...rest,
        payer: PAYER.address,
        signers: rest.signers.toReversed(),
      };
      const text = (more: object): string => JSON.stringify({ ...file, ...more });
      await writeFile(at("slip.json"), text({ payer: PAYER.address.replace(/[a-f]/, (c) => c.toUpperCase()) }));
      await writeFile(at("twice.json"), text({ signers: [rest.signers[0], rest.signers[0]] }));
      await writeFile(at("late.json"), text({ expires: terms.expires * 1000 }));
      await writeFile(at("terms.json"), text({}));
      expect(await readTerms(at("terms.json"))).to.deep.equal(terms);
      expect(await escrow(PAYER, "open", "none.json")).to.match(/none\.json cannot be read/);
      expect(await escrow(PAYER, "open", "slip.json")).to.match(/capitals of an address.*payer/);
      expect(await escrow(PAYER, "open", "twice.json")).to.match(/named twice/);
      expect(await escrow(PAYER, "open", "late.json")).to.match(/refused: .*expires/);
      expect(await escrow(SELLER, "open", "terms.json")).to.match(/only the deal's payer/);
      deal = String((await json(escrow(PAYER, "open", "terms.json")))["deal"]);
      expect(deal).to.equal(dealOf(terms));
      expect(await escrow(PAYER, "lock", deal, "1.5")).to.match(/whole number/);
      expect(await escrow(PAYER, "lock", deal, "50000")).to.match(/refused to move/);
      await minted(50_000n);
      expect(await json(escrow(PAYER, "lock", deal, "50000"))).to.include({ free: "50000" });
      expect(await json(escrow(undefined, "show", "terms.json"))).to.include({ deal, free: "50000", cancelled: false });
    });

    it("claims with a file that goes from signer to signer, offline", async () => {
      const draft = ["draft", deal, "--root", root, "--period", "2026-10", "--out", "claim.json"];
      expect(await escrow(undefined, ...(draft as [string]), "--portion", "0x12=5")).to.match(/is no portion/);
      const portions = [`${SELLER.address}=90`, `${EXCHANGE.address}=10`];
      const drafted = await json(escrow(undefined, ...(draft as [string]), "--portion", ...portions));
      expect(drafted).to.include({ deal, total: "10000" });
      const other = hashText(sha256(utf8("another")));
      expect(await escrow(SIGNERS[0], "sign", "claim.json", "--root", other)).to.match(/another statement than yours/);
      const key = at("key");
      await writeFile(key, `${SIGNERS[0]!.privateKey}\n`, { mode: 0o644 });
      const sign = ["sign", "claim.json", "--root", root] as const;
      if (process.platform !== "win32") {
        expect(await escrow(undefined, ...sign, "--key-file", key)).to.match(/others may read the key file/);
      }
      await chmod(key, 0o600);
      expect(await json(escrow(undefined, ...sign, "--key-file", key))).to.include({ signatures: 1, total: "10000" });
      expect(await escrow(EXCHANGE, "claim", "claim.json")).to.match(/1 of 2 signatures are there/);
      expect(await json(escrow(SIGNERS[0], ...sign))).to.include({ signatures: 1 });
      expect(await json(escrow(SIGNERS[1], ...sign))).to.include({ signatures: 2, signer: low(SIGNERS[1]!) });
      const elsewhere = (await readFile(at("claim.json"), "utf8")).replace('"chain": 31337', '"chain": 1');
      await writeFile(at("elsewhere.json"), elsewhere);
      expect(await escrow(SELLER, "claim", "elsewhere.json")).to.match(/does not name that/);
      expect(await escrow(SELLER, "resolve", "claim.json")).to.match(/is not a resolution/);
      expect(await json(escrow(SELLER, "claim", "claim.json"))).to.include({ deal });
      expect(await escrow(SELLER, "claim", "claim.json")).to.match(/claimed before/);
    });

    it("disputes, and ends the dispute with an answer", async () => {
      const reason = hashText(sha256(utf8("objection")));
      expect(await escrow(undefined, "answer", deal, "--root", root, "--out", "answer.json")).to.match(/pending, not/);
      await json(escrow(PAYER, "dispute", deal, root, "--reason", reason));
      expect(await json(escrow(undefined, "show", deal, root))).to.include({ state: "disputed" });
      const answer = ["answer", deal, "--root", root, "--out", "answer.json", "--portion", `${SELLER.address}=60`];
      await json(escrow(undefined, ...(answer as [string])));
      for (const signer of SIGNERS.slice(1, 3)) await json(escrow(signer, "sign", "answer.json", "--root", root));
      await json(escrow(EXCHANGE, "resolve", "answer.json"));
      const { token } = terms;
      expect(await json(escrow(undefined, "balance", token, SELLER.address))).to.include({ balance: "6000" });
      expect(await json(escrow(undefined, "balance", token, PAYER.address))).to.include({ balance: "4000" });
    });

    it("pays out, and gives back what is left when the deal expired", async () => {
      const { token } = terms;
      expect(await escrow(undefined, "withdraw", token)).to.match(/who acts/);
      expect(await json(escrow(SELLER, "withdraw", token, "--to", EXCHANGE.address))).to.include({ amount: "6000" });
      expect(await escrow(SELLER, "withdraw", token)).to.match(/an amount.* is 0/);
      expect(await escrow(PAYER, "cancel", deal)).to.match(/cancel it then/);
      await pass(100_000);
      await json(escrow(SELLER, "cancel", deal));
      expect(await json(escrow(PAYER, "withdraw", token))).to.include({ amount: "44000" });
      expect(await escrow(PAYER, "lock", deal, "1")).to.match(/deal is cancelled/);
    });
  });
});
