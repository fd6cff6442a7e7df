/**
 * The bytes on disk, taken apart again with node:crypto and the generated protobuf classes only: nothing of the ledger's own
 * code but the opening of a folder is used here.
 */
import { createHash, verify, X509Certificate } from "node:crypto";
import path from "node:path";
import { common, ledger as ledgerProtos, msp as mspProtos, peer } from "@hyperledger/fabric-protos";
import { expect } from "chai";
import { Level } from "level";
import { EXCHANGE, Folders, HOLDER, NOW, open, REGULATOR } from "./testing/open.js";
import { call, quietly } from "./testing/probe.js";

const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;
const sha = (...parts: Uint8Array[]): Buffer => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
};

/** DER of a header, from X.690: written with bigints, so that no code is shared with block.ts. */
function der(number: number, previous: Uint8Array, data: Uint8Array): Buffer {
  let hex = BigInt(number).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  const octets = (bytes: Uint8Array): string =>
    `04${bytes.length.toString(16).padStart(2, "0")}${Buffer.from(bytes).toString("hex")}`;
  const body = `02${(hex.length / 2).toString(16).padStart(2, "0")}${hex}${octets(previous)}${octets(data)}`;
  return Buffer.from(`30${(body.length / 2).toString(16).padStart(2, "0")}${body}`, "hex");
}

function identityOf(bytes: Uint8Array): { msp: string; certificate: X509Certificate } {
  const identity = mspProtos.SerializedIdentity.deserializeBinary(bytes);
  return { msp: identity.getMspid(), certificate: new X509Certificate(identity.getIdBytes_asU8()) };
}

function assertSigned(certificate: X509Certificate, data: Uint8Array, signature: Uint8Array): void {
  expect(verify("sha256", data, certificate.publicKey, signature)).to.equal(true);
  const sAt = 4 + signature[3]!;
  const s = BigInt(`0x${Buffer.from(signature.subarray(sAt + 2)).toString("hex")}`);
  expect(s <= HALF_ORDER).to.equal(true);
}

interface Layers {
  channel: common.ChannelHeader;
  channelBytes: Uint8Array;
  signature: common.SignatureHeader;
  signatureBytes: Uint8Array;
  actionHeader: Uint8Array;
  proposal: Uint8Array;
  response: Uint8Array;
  endorsements: peer.Endorsement[];
}

function open3(payloadBytes: Uint8Array): Layers {
  const payload = common.Payload.deserializeBinary(payloadBytes);
  const header = payload.getHeader()!;
  const action = peer.Transaction.deserializeBinary(payload.getData_asU8()).getActionsList()[0]!;
  const actionPayload = peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
  const endorsed = actionPayload.getAction()!;
  return {
    channel: common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8()),
    channelBytes: header.getChannelHeader_asU8(),
    signature: common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8()),
    signatureBytes: header.getSignatureHeader_asU8(),
    actionHeader: action.getHeader_asU8(),
    proposal: actionPayload.getChaincodeProposalPayload_asU8(),
    response: endorsed.getProposalResponsePayload_asU8(),
    endorsements: endorsed.getEndorsementsList(),
  };
}

describe("blocks on disk", () => {
  const folders = new Folders();
  const blocks: common.Block[] = [];
  const hashes: string[] = [];
  const SECRET = "a value that no block may hold";

  before(async () => {
    const folder = await folders.make();
    const ledger = await open(folder);
    await ledger.submit(
      quietly([
        ["get", "a"],
        ["put", "a", "1"],
        ["getPrivate", "org-HolderMSP", "grant/1"],
        ["putPrivate", "org-HolderMSP", "grant/1", SECRET],
        ["policy", "a", [REGULATOR, HOLDER]],
        ["emit", "leaves", "payload"],
      ]),
    );
    // Past 128 blocks, where the header's INTEGER takes a leading zero byte.
    for (let n = 0; n < 128; n++) await ledger.submit(call([["put", "n", String(n)]]));
    const bump = call([
      ["get", "n"],
      ["put", "n", "x"],
    ]);
    await Promise.allSettled([ledger.submit(bump), ledger.as(EXCHANGE).submit(bump)]);
    for await (const block of ledger.blocks(0)) if (hashes.push(block.hash) === (await ledger.height())) break;
    await ledger.close();
    const db = new Level<string, Buffer>(path.join(folder, "ledger"), { valueEncoding: "buffer" });
    for (let n = 0; n < hashes.length; n++) {
      const bytes = await db.get(`b${n.toString(16).padStart(12, "0")}`);
      blocks.push(common.Block.deserializeBinary(bytes));
    }
    await db.close();
  });
  after(() => folders.clear());

  it("chain by SHA-256 of the DER of their headers", () => {
    let previous: Uint8Array = new Uint8Array();
    expect(blocks.length).to.be.greaterThan(129);
    blocks.forEach((block, n) => {
      const header = block.getHeader()!;
      expect(header.getNumber()).to.equal(n);
      expect(Buffer.from(header.getPreviousHash_asU8()).equals(previous)).to.equal(true);
      expect(sha(...block.getData()!.getDataList_asU8()).equals(header.getDataHash_asU8())).to.equal(true);
      previous = sha(der(n, header.getPreviousHash_asU8(), header.getDataHash_asU8()));
      expect(Buffer.from(previous).toString("base64url")).to.equal(hashes[n]);
    });
  });

  it("are signed by the orderer over metadata ‖ signature header ‖ header, but for block 0", () => {
    blocks.forEach((block, n) => {
      const header = block.getHeader()!;
      const metadata = common.Metadata.deserializeBinary(block.getMetadata()!.getMetadataList_asU8()[0]!);
      expect(
        common.OrdererBlockMetadata.deserializeBinary(metadata.getValue_asU8()).getLastConfig()!.getIndex(),
      ).to.equal(0);
      expect(metadata.getSignaturesList()).to.have.length(n === 0 ? 0 : 1);
      if (n === 0) return;
      const seal = metadata.getSignaturesList()[0]!;
      const creator = common.SignatureHeader.deserializeBinary(seal.getSignatureHeader_asU8()).getCreator_asU8();
      const { msp, certificate } = identityOf(creator);
      expect(msp).to.equal("OrdererMSP");
      const input = [
        metadata.getValue_asU8(),
        seal.getSignatureHeader_asU8(),
        der(n, header.getPreviousHash_asU8(), header.getDataHash_asU8()),
      ];
      assertSigned(certificate, Buffer.concat(input), seal.getSignature_asU8());
    });
  });

  it("0 holds the organisations' roots, which issued every identity, and the chaincode's policy", () => {
    const envelope = common.Envelope.deserializeBinary(blocks[0]!.getData()!.getDataList_asU8()[0]!);
    const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
    const channel = common.ChannelHeader.deserializeBinary(payload.getHeader()!.getChannelHeader_asU8());
    expect([channel.getType(), channel.getChannelId()]).to.deep.equal([common.HeaderType.CONFIG, "quanji"]);
    const group = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig()!.getChannelGroup()!;
    const roots = new Map<string, X509Certificate>();
    for (const part of ["Application", "Orderer"]) {
      group
        .getGroupsMap()
        .get(part)!
        .getGroupsMap()
        .forEach((organisation, msp) => {
          const config = mspProtos.MSPConfig.deserializeBinary(organisation.getValuesMap().get("MSP")!.getValue_asU8());
          const fabric = mspProtos.FabricMSPConfig.deserializeBinary(config.getConfig_asU8());
          expect(fabric.getName()).to.equal(msp);
          roots.set(msp, new X509Certificate(fabric.getRootCertsList_asU8()[0]!));
        });
    }
    expect([...roots.keys()]).to.have.members([REGULATOR, HOLDER, EXCHANGE, "OrdererMSP"]);
    for (const block of blocks.slice(1)) {
      for (const bytes of block.getData()!.getDataList_asU8()) {
        const { signature, endorsements } = open3(common.Envelope.deserializeBinary(bytes).getPayload_asU8());
        for (const who of [signature.getCreator_asU8(), ...endorsements.map((one) => one.getEndorser_asU8())]) {
          const { msp, certificate } = identityOf(who);
          expect(certificate.verify(roots.get(msp)!.publicKey)).to.equal(true);
        }
      }
    }
  });

  it("hold envelopes signed by a client, endorsed over response ‖ endorser, with ids from nonce ‖ creator", () => {
    for (const block of blocks.slice(1)) {
      for (const bytes of block.getData()!.getDataList_asU8()) {
        const envelope = common.Envelope.deserializeBinary(bytes);
        const layers = open3(envelope.getPayload_asU8());
        const creator = layers.signature.getCreator_asU8();
        const client = identityOf(creator).certificate;
        expect(client.subject).to.match(/^CN=client\.(holder|exchange)\nOU=client\nO=(holder|exchange)$/);
        assertSigned(client, envelope.getPayload_asU8(), envelope.getSignature_asU8());
        expect(layers.channel.getTxId()).to.equal(sha(layers.signature.getNonce_asU8(), creator).toString("hex"));
        expect(layers.signature.getNonce_asU8()).to.have.length(24);
        expect(layers.channel.getType()).to.equal(common.HeaderType.ENDORSER_TRANSACTION);
        const { seconds, nanos } = layers.channel.getTimestamp()!.toObject();
        expect(seconds * 1000 + nanos / 1e6).to.equal(NOW);
        expect(Buffer.from(layers.actionHeader).equals(layers.signatureBytes)).to.equal(true);
        const response = peer.ProposalResponsePayload.deserializeBinary(layers.response);
        const proposalHash = sha(layers.channelBytes, layers.signatureBytes, layers.proposal);
        expect(proposalHash.equals(response.getProposalHash_asU8())).to.equal(true);
        expect(layers.endorsements).to.have.length(2);
        for (const endorsement of layers.endorsements) {
          const endorser = endorsement.getEndorser_asU8();
          const { certificate } = identityOf(endorser);
          expect(certificate.subject).to.match(/\nOU=peer\n/);
          assertSigned(certificate, Buffer.concat([layers.response, endorser]), endorsement.getSignature_asU8());
        }
      }
    }
  });

  it("hold reads with versions, writes, policies and events; of private data only hashes", () => {
    const bytes = blocks[1]!.getData()!.getDataList_asU8()[0]!;
    expect(Buffer.from(bytes).includes(SECRET)).to.equal(false);
    expect(Buffer.from(bytes).includes("grant/1")).to.equal(false);
    const { response, channel } = open3(common.Envelope.deserializeBinary(bytes).getPayload_asU8());
    const action = peer.ChaincodeAction.deserializeBinary(
      peer.ProposalResponsePayload.deserializeBinary(response).getExtension_asU8(),
    );
    expect(action.getChaincodeId()!.getName()).to.equal("quanji");
    expect(action.getResponse()!.getStatus()).to.equal(200);
    const event = peer.ChaincodeEvent.deserializeBinary(action.getEvents_asU8());
    expect([event.getEventName(), event.getTxId(), Buffer.from(event.getPayload_asU8()).toString()]).to.deep.equal([
      "leaves",
      channel.getTxId(),
      "payload",
    ]);
    const { rwset } = ledgerProtos;
    const [namespace] = rwset.TxReadWriteSet.deserializeBinary(action.getResults_asU8()).getNsRwsetList();
    const state = rwset.kvrwset.KVRWSet.deserializeBinary(namespace!.getRwset_asU8());
    expect(state.getReadsList().map((read) => [read.getKey(), read.getVersion()])).to.deep.equal([["a", undefined]]);
    expect(state.getWritesList().map((one) => [one.getKey(), one.getIsDelete()])).to.deep.equal([["a", false]]);
    expect(state.getMetadataWritesList()[0]!.getEntriesList()[0]!.getName()).to.equal("VALIDATION_PARAMETER");
    const [collection] = namespace!.getCollectionHashedRwsetList();
    expect(collection!.getCollectionName()).to.equal("org-HolderMSP");
    const hashed = rwset.kvrwset.HashedRWSet.deserializeBinary(collection!.getHashedRwset_asU8());
    const write = hashed.getHashedWritesList()[0]!;
    expect(sha(Buffer.from("grant/1")).equals(write.getKeyHash_asU8())).to.equal(true);
    expect(sha(Buffer.from(SECRET)).equals(write.getValueHash_asU8())).to.equal(true);
    const plain = new rwset.kvrwset.KVRWSet();
    const plainWrite = new rwset.kvrwset.KVWrite();
    plainWrite.setKey("grant/1");
    plainWrite.setValue(Buffer.from(SECRET));
    plain.addWrites(plainWrite);
    expect(sha(plain.serializeBinary()).equals(collection!.getPvtRwsetHash_asU8())).to.equal(true);
    const later = blocks.at(-1)!.getData()!.getDataList_asU8().at(-1)!;
    const laterAction = peer.ChaincodeAction.deserializeBinary(
      peer.ProposalResponsePayload.deserializeBinary(
        open3(common.Envelope.deserializeBinary(later).getPayload_asU8()).response,
      ).getExtension_asU8(),
    );
    const [laterNamespace] = rwset.TxReadWriteSet.deserializeBinary(laterAction.getResults_asU8()).getNsRwsetList();
    const [read] = rwset.kvrwset.KVRWSet.deserializeBinary(laterNamespace!.getRwset_asU8()).getReadsList();
    expect(read!.getVersion()!.toObject()).to.deep.equal({ blockNum: 129, txNum: 0 });
  });

  it("carry one validation code a transaction and a commit hash that chains codes and updates", () => {
    const codes = blocks.slice(1).flatMap((block) => [...block.getMetadata()!.getMetadataList_asU8()[2]!]);
    const transactions = blocks.slice(1).flatMap((block) => block.getData()!.getDataList_asU8());
    expect(codes).to.have.length(transactions.length);
    expect(codes.filter((code) => code === peer.TxValidationCode.MVCC_READ_CONFLICT)).to.have.length(1);
    const commitHashOf = (n: number): Uint8Array =>
      common.Metadata.deserializeBinary(blocks[n]!.getMetadata()!.getMetadataList_asU8()[4]!).getValue_asU8();
    expect(commitHashOf(0)).to.have.length(0);
    // Block 2 writes n = "0" at version {2, 0}: Updates{kvwrites: {namespace, key, value, version}}, by hand.
    const entry = Buffer.concat([
      Buffer.from([0x0a, 6]),
      Buffer.from("quanji"),
      Buffer.from([0x1a, 1]),
      Buffer.from("n"),
      Buffer.from([0x2a, 1]),
      Buffer.from("0"),
      Buffer.from([0x32, 3, 1, 2, 0]),
    ]);
    const updates = Buffer.concat([Buffer.from([0x0a, entry.length]), entry]);
    expect(sha(Buffer.from([1, 0]), updates, commitHashOf(1)).equals(commitHashOf(2))).to.equal(true);
  });
});
