/** The deep audit on the blocks of a real network, as its peer delivers them, and on what its own keys can make of them. */
import { silent } from "@quanji/network/fabric";
import { common, ledger } from "@hyperledger/fabric-protos";
import {
  type AuditFinding,
  type AuditVerdict,
  auditBlocks,
  findLedgerFork,
  type LedgerFork,
  verifyLedgerFork,
} from "@quanji/client/audit";
import type { Signer } from "@quanji/gateway/testing";
import { utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { failureOf } from "../../support/until.js";
import { openScene, type Scene } from "../support/scene.js";
import {
  type Edit,
  edited,
  envelopesOf,
  fetchBlocks,
  hashOf,
  isConfig,
  seal,
  signerOf,
  withEnvelopes,
  withSignatures,
  withSlot,
} from "./forgery.js";

const { TRANSACTIONS_FILTER } = common.BlockMetadataIndex;
const BOTH = ["peer0.holder", "peer0.regulator"];

interface Keys {
  readonly holder: Signer;
  /** Its certificate has been revoked. */
  readonly exchange: Signer;
  readonly peers: readonly [holder: Signer, regulator: Signer, exchange: Signer];
  readonly orderers: readonly Signer[];
}

export function auditSuite(name: "raft" | "bft"): void {
  describe(`deep audit of a ${name} network's blocks`, () => {
    const bft = name === "bft";
    let scene: Scene;
    let blocks: readonly Uint8Array[];
    let keys: Keys;
    /** Number of a block with a valid transaction of the chaincode that writes one key, and of one with an invalid one. */
    let valid: number;
    let invalid: number;

    before(async () => {
      scene = await openScene(name);
      const { network } = scene;
      await network.up(scene.bundle, silent);
      const { layout, topology } = network;
      const client = scene.client("holder");
      const orderer = topology.orderers[0]?.id ?? "";
      await client.insist(orderer, BOTH, "put", "first", "1");
      await client.insist(orderer, BOTH, "get", "first");
      await client.insist(orderer, BOTH, "putPrivate", "org-HolderMSP", "own", "1");
      await failureOf(client.invoke(["peer0.holder"], "put", "alone", "1"));
      const exchange = await signerOf("ExchangeMSP", layout.user("exchange", "gateway"));
      await network.revoke("gateway.exchange", silent);
      await client.insist(orderer, BOTH, "put", "last", "1");
      blocks = await fetchBlocks(scene);
      const peerOf = (organisation: string, msp: string): Promise<Signer> =>
        signerOf(msp, layout.nodeCredentials(`peer0.${organisation}`));
      keys = {
        holder: await signerOf("HolderMSP", layout.user("holder", "gateway")),
        exchange,
        peers: [
          await peerOf("holder", "HolderMSP"),
          await peerOf("regulator", "RegulatorMSP"),
          await peerOf("exchange", "ExchangeMSP"),
        ],
        orderers: await Promise.all(
          topology.orderers.map((node) => signerOf(node.organisation.msp, layout.nodeCredentials(node.id))),
        ),
      };
      valid = blocks.length - 1;
      invalid = blocks.findIndex((block) => !isConfig(block) && filterOf(block)[0] === 10);
    });
    after(() => scene[Symbol.asyncDispose]());

    const filterOf = (block: Uint8Array): Uint8Array =>
      common.Block.deserializeBinary(block).getMetadata()?.getMetadataList_asU8()[TRANSACTIONS_FILTER] ??
      new Uint8Array();
    const trust = (configs = blocks.filter(isConfig)) => ({
      genesis: hashOf(blocks[0] ?? new Uint8Array()),
      configs: configs.map(hashOf),
    });
    const audit = (changed: readonly Uint8Array[]): Promise<AuditVerdict> => auditBlocks(changed, trust());
    const upTo = (number: number, last: Uint8Array): Uint8Array[] => [...blocks.slice(0, number), last];
    const sealed = (block: Uint8Array): Uint8Array =>
      seal(block, bft ? keys.orderers.slice(0, 3) : keys.orderers.slice(0, 1), bft);

    async function refused(changed: readonly Uint8Array[], finding: AuditFinding, block: number): Promise<void> {
      const verdict = await audit(changed);
      expect(verdict.ok, finding).to.equal(false);
      expect([verdict.detail, verdict.at?.block], verdict.message).to.deep.equal([finding, block]);
    }

    /** The last block's transaction edited, in its place, signed by client and orderers as if nothing were wrong. */
    const forged = (edit: Partial<Edit>): Uint8Array[] => {
      const last = blocks[valid] ?? new Uint8Array();
      const [envelope = new Uint8Array()] = envelopesOf(last);
      return upTo(valid, sealed(withEnvelopes(last, [edited(envelope, { client: keys.holder, ...edit })])));
    };

    it("holds from the pinned block to the newest, over every change of the configuration", async () => {
      const verdict = await audit(blocks);
      expect(verdict.message, verdict.detail).to.equal(undefined);
      expect(verdict).to.deep.include({
        ok: true,
        ledger: name,
        channel: "quanji",
        blocks: blocks.length,
        lastHash: hashOf(blocks.at(-1) ?? new Uint8Array()),
        configs: blocks.filter(isConfig).length,
      });
      expect(verdict.configs).to.be.at.least(2);
      expect(verdict.valid).to.equal(verdict.transactions - 1);
      expect(verdict.unchecked.includes("uniqueness")).to.equal(!bft);
      expect(verdict.unchecked).to.include.members(["later", "private", "administrators"]).and.not.include("filter");
      const orderers = blocks.map((block) => withSlot(block, TRANSACTIONS_FILTER, new Uint8Array()));
      const bare = await audit(orderers);
      expect([bare.ok, bare.valid, bare.unchecked.includes("filter")]).to.deep.equal([true, verdict.valid, true]);
    });

    it("a bit flipped in header, transactions, signed metadata or signature", async () => {
      const original = blocks[valid] ?? new Uint8Array();
      const end = Buffer.from(original).indexOf(filterOf(original).length === 1 ? Buffer.from([0x0a, 1, 0, 0x0a]) : "");
      let flipped = 0;
      for (let at = 0; at < end; at += 61) {
        const bytes = Uint8Array.from(original);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        const { ok } = await audit(upTo(valid, bytes));
        // SmartBFT: one spoilt signature of more than a quorum is no fault.
        if (ok) expect(bft && signaturesOf(bytes) > 3, `byte ${at}`).to.equal(true);
        flipped++;
      }
      expect(flipped).to.be.greaterThan(20);
    });

    const signaturesOf = (block: Uint8Array): number => {
      let count = 0;
      withSignatures(block, (all) => {
        count = all.length;
        return all;
      });
      return count;
    };

    it("a block dropped, doubled, swapped; envelopes encoded otherwise", async () => {
      const [zero, one, two] = blocks as [Uint8Array, Uint8Array, Uint8Array];
      await refused([zero, two], "BLOCK_CHAIN", 1);
      await refused([zero, one, one], "BLOCK_CHAIN", 2);
      await refused([one], "BLOCK_CHAIN", 0);
      const last = blocks[valid] ?? new Uint8Array();
      const trailing = envelopesOf(last).map((bytes) => Buffer.concat([bytes, Uint8Array.of(0x18, 1)]));
      await refused(upTo(valid, sealed(withEnvelopes(last, trailing))), "TX_NOT_WELL_FORMED", valid);
      await refused(
        upTo(valid, withEnvelopes(last, envelopesOf(last).reverse().slice(1))),
        "TX_NOT_WELL_FORMED",
        valid,
      );
    });

    describe("two peers' blocks", () => {
      async function* of(some: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
        for (const block of some) yield await Promise.resolve(block);
      }
      const compare = (others: readonly Uint8Array[], pinned = trust()): Promise<LedgerFork | undefined> =>
        findLedgerFork(of(blocks), of(others), pinned);
      /** Another last block, of a transaction that is in no history. */
      const otherLast = (signers: readonly Signer[]): Uint8Array => {
        const last = blocks[valid] ?? new Uint8Array();
        const [envelope = new Uint8Array()] = envelopesOf(blocks[valid - 1] ?? new Uint8Array());
        return seal(withEnvelopes(last, [envelope]), signers, bft);
      };
      const quorum = (): readonly Signer[] => keys.orderers.slice(0, bft ? 3 : 1);

      it("that are the same, or that end earlier, are no fork", async () => {
        expect(await compare(blocks)).to.equal(undefined);
        expect(await compare(blocks.slice(0, 2))).to.equal(undefined);
        const unfiltered = blocks.map((block) => withSlot(block, TRANSACTIONS_FILTER, new Uint8Array()));
        expect(await compare(unfiltered)).to.equal(undefined);
      });

      it("that differ where orderers signed both convict orderers, in a file without any transaction", async () => {
        const { proof, verdict } = (await compare(upTo(valid, otherLast(quorum())))) ?? {};
        expect(verdict, verdict?.message).to.deep.include({ ok: true, shows: "ledger-fork", block: valid });
        expect(verdict?.accused).not.to.deep.equal([]);
        // Two quorums of SmartBFT overlap in somebody who signed both; on Raft another may have signed the true one.
        if (bft) expect(verdict?.accused.every(({ both }) => both)).to.equal(true);
        expect(envelopesOf(Buffer.from(proof?.one ?? "", "base64url"))).to.deep.equal([]);
        const text = JSON.stringify({
          config: proof?.config,
          kind: proof?.kind,
          one: proof?.one,
          other: proof?.other,
          v: proof?.v,
        });
        expect(await verifyLedgerFork(text, trust())).to.deep.equal(verdict);
        const unpinned = { ...trust(), genesis: hashOf(blocks[1] ?? new Uint8Array()), configs: [] };
        expect(await verifyLedgerFork(text, unpinned)).to.include({ ok: false, detail: "CONFIG_UNKNOWN" });
        const twice = JSON.stringify({ ...(JSON.parse(text) as object), other: proof?.one });
        expect(await verifyLedgerFork(twice, trust())).to.include({ ok: false, detail: "FORK_UNPROVEN" });
      });

      it("that differ where too few orderers, or none, signed convict nobody", async () => {
        for (const signers of [keys.peers, bft ? keys.orderers.slice(0, 2) : []]) {
          const { verdict } = (await compare(upTo(valid, otherLast(signers)))) ?? {};
          expect(verdict).to.deep.include({ ok: false, detail: "ORDERER_QUORUM", accused: [] });
        }
      });

      it("of another ledger, or of none, are said to be that", async () => {
        expect((await compare(blocks.slice(1)))?.verdict.detail).to.equal("GENESIS_HASH");
        expect((await compare([utf8("noise")]))?.verdict.detail).to.equal("BLOCK_MALFORMED");
      });
    });

    it("orderers: no signature, a member's, one of another network's number, too few, one twice", async () => {
      const last = blocks[valid] ?? new Uint8Array();
      const by = (signers: readonly Signer[], numbers?: readonly number[]): Uint8Array[] =>
        upTo(valid, seal(last, signers, bft, numbers));
      const [first, second, third] = keys.orderers as [Signer, Signer, Signer];
      expect((await audit(upTo(valid, sealed(last)))).ok, "signed again by the orderers").to.equal(true);
      await refused(
        upTo(
          valid,
          withSignatures(last, () => []),
        ),
        "ORDERER_QUORUM",
        valid,
      );
      await refused(by(keys.peers), "ORDERER_QUORUM", valid);
      await refused(
        by(keys.peers.map((peer, i) => ({ ...peer, identity: keys.orderers[i]?.identity ?? peer.identity }))),
        "ORDERER_QUORUM",
        valid,
      );
      if (!bft) {
        // The ordering organisation's administrator is none of its orderers.
        const { layout } = scene.network;
        const admin = await signerOf(first.msp, layout.user("orderer", "admin"));
        await refused(by([admin]), "ORDERER_QUORUM", valid);
        return;
      }
      expect((await audit(by([first, second, third]))).ok).to.equal(true);
      await refused(by([first, second]), "ORDERER_QUORUM", valid);
      await refused(by([first, second, second], [1, 2, 2]), "ORDERER_QUORUM", valid);
      await refused(by([first, second, third], [1, 2, 9]), "ORDERER_QUORUM", valid);
      await refused(by([first, second, third], [1, 2, 4]), "ORDERER_QUORUM", valid);
      await refused(
        upTo(
          valid,
          withSignatures(last, (all) => all.slice(0, 2)),
        ),
        "ORDERER_QUORUM",
        valid,
      );
    });

    it("endorsements removed, of the wrong organisation, over other bytes; a write set that nobody endorsed", async () => {
      const [holder, regulator, exchange] = keys.peers;
      const endorsers = [holder, regulator];
      const ours = scene.network.topology.settings.chaincode.name;
      expect((await audit(forged({ endorsers }))).message).to.equal(undefined);
      for (const few of [[], [holder], [regulator], [holder, exchange], [regulator, regulator]]) {
        await refused(forged({ endorsers: few }), "ENDORSEMENT_POLICY", valid);
      }
      await refused(forged({ again: true, endorsements: (all) => all.slice(0, 1) }), "ENDORSEMENT_POLICY", valid);
      await refused(forged({}), "ENDORSEMENT_POLICY", valid); // endorsements of another proposal
      const sets: Edit["sets"] = (all) => {
        for (const write of all.get(ours)?.getWritesList() ?? []) write.setValue(Buffer.from("forged"));
      };
      await refused(forged({ again: true, sets }), "ENDORSEMENT_POLICY", valid);
      expect((await audit(forged({ sets, endorsers }))).ok, "endorsed it would hold").to.equal(true);
    });

    it("reads of what has changed, an id used again, a revoked creator, another's signature", async () => {
      const [holder, regulator] = keys.peers;
      const endorsers = [holder, regulator];
      const ours = scene.network.topology.settings.chaincode.name;
      const reading =
        (namespace: string, key: string): NonNullable<Edit["sets"]> =>
        (all) => {
          const read = new ledger.rwset.kvrwset.KVRead();
          read.setKey(key); // without a version: it was not there
          all.get(namespace)?.addReads(read);
        };
      expect((await audit(forged({ endorsers, sets: reading(ours, "never") }))).ok).to.equal(true);
      await refused(forged({ endorsers, sets: reading(ours, "first") }), "TX_CONFLICT", valid);
      await refused(
        forged({ endorsers, sets: reading("_lifecycle", `namespaces/fields/${ours}/Sequence`) }),
        "TX_CONFLICT",
        valid,
      );
      const last = blocks[valid] ?? new Uint8Array();
      const twice = [...envelopesOf(last), ...envelopesOf(last)];
      const double = withSlot(sealed(withEnvelopes(last, twice)), TRANSACTIONS_FILTER, new Uint8Array(2));
      await refused(upTo(valid, double), "TX_DUPLICATE", valid);
      await refused(forged({ endorsers, client: keys.exchange }), "TX_CREATOR", valid);
      await refused(
        forged({ endorsers, client: { ...keys.holder, sign: (data) => holder.sign(data) } }),
        "TX_CREATOR",
        valid,
      );
    });

    it("validity bytes flipped either way", async () => {
      const flip = (number: number, code: number): Uint8Array[] =>
        upTo(number, withSlot(blocks[number] ?? new Uint8Array(), TRANSACTIONS_FILTER, Uint8Array.of(code)));
      await refused(flip(valid, 11), "TX_FILTER", valid);
      await refused(flip(invalid, 0), "ENDORSEMENT_POLICY", invalid);
      await refused(flip(invalid, 11), "TX_FILTER", invalid);
    });

    it("a change of the configuration that the trust file does not name, and another first block", async () => {
      const changes = blocks.filter(isConfig);
      const at = blocks.findIndex((block, number) => number > 0 && isConfig(block));
      const verdict = await auditBlocks(blocks, trust(changes.slice(0, 1)));
      expect(verdict).to.deep.include({ ok: false, detail: "CONFIG_UNKNOWN", at: { block: at, tx: 0 } });
      const other = await auditBlocks(blocks, { ...trust(), genesis: hashOf(blocks[1] ?? new Uint8Array()) });
      expect(other).to.deep.include({ ok: false, detail: "GENESIS_HASH", at: { block: 0 } });
    });
  });
}
