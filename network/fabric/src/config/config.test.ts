import { expect } from "chai";
import { authorityConfig } from "../crypto/authority.js";
import { cryptogenConfig } from "../crypto/cryptogen.js";
import { certificatesIn } from "../crypto/enrolment.js";
import { holdersOf } from "../crypto/identities.js";
import { profileOf } from "../profile.js";
import { Layout } from "../topology/layout.js";
import { type FabricTopology, readFabricTopology } from "../topology/topology.js";
import { configtx, PROFILE } from "./configtx.js";
import { ordererConfig } from "./orderer.js";
import { peerConfig } from "./peer.js";
import { chaincodePolicy, collectionsOf, policyText } from "./policies.js";

const layout = new Layout("/somewhere");

const channelOf = (topology: FabricTopology) => configtx(topology, layout).Profiles[PROFILE];

describe("network/fabric configuration", () => {
  let small: FabricTopology;
  let raft: FabricTopology;
  let bft: FabricTopology;
  before(async () => {
    [small, raft, bft] = (await Promise.all(["small", "raft", "bft"].map(readFabricTopology))) as [
      FabricTopology,
      FabricTopology,
      FabricTopology,
    ];
  });

  it("demands the regulator and one other for the chaincode", () => {
    expect(chaincodePolicy(small)).to.equal(
      "OutOf(2, 'RegulatorMSP.peer', OutOf(1, 'ExchangeMSP.peer', 'HolderMSP.peer'))",
    );
    expect(policyText({ signedBy: "A" })).to.equal("'A.peer'");
  });

  it("gives each organisation a collection with the regulator, members only, endorsed by both", () => {
    const collections = collectionsOf(small);
    expect(collections.map(({ name }) => name)).to.deep.equal(["org-RegulatorMSP", "org-HolderMSP", "org-ExchangeMSP"]);
    expect(collections[1]).to.deep.equal({
      name: "org-HolderMSP",
      policy: "OR('RegulatorMSP.member', 'HolderMSP.member')",
      requiredPeerCount: 0,
      maxPeerCount: 1,
      blockToLive: 0,
      memberOnlyRead: true,
      memberOnlyWrite: true,
      endorsementPolicy: { signaturePolicy: "OutOf(2, 'HolderMSP.peer', 'RegulatorMSP.peer')" },
    });
  });

  it("lets orderers alone sign blocks", () => {
    expect(channelOf(raft).Orderer.Policies.BlockValidation.Rule).to.equal("OR('OrdererMSP.orderer')");
    expect(channelOf(bft).Orderer.Policies.BlockValidation.Rule).to.equal(
      "OR('RegulatorOrdererMSP.orderer', 'HolderOrdererMSP.orderer', 'ExchangeOrdererMSP.orderer', 'NotaryOrdererMSP.orderer')",
    );
  });

  it("orders by raft among all orderers, with an election within a second or two", () => {
    const { Orderer } = channelOf(raft);
    expect(Orderer).to.include({ OrdererType: "etcdraft", BatchTimeout: "20ms" });
    expect(Orderer).to.not.have.property("SmartBFT");
    expect(Orderer).to.have.nested.property("EtcdRaft.Consenters").with.length(3);
    expect(Orderer).to.have.nested.property("EtcdRaft.Options.TickInterval", "100ms");
  });

  it("orders by bft with every consenter's identity and organisation", () => {
    const { Orderer, Capabilities } = channelOf(bft);
    expect(Capabilities).to.deep.equal({ V3_0: true });
    expect(Orderer.OrdererType).to.equal("BFT");
    expect(Orderer).to.not.have.property("EtcdRaft");
    const mapping = (Orderer as { ConsenterMapping?: { ID: number; MSPID: string; Identity: string }[] })
      .ConsenterMapping;
    expect(mapping?.map(({ ID, MSPID }) => [ID, MSPID])).to.deep.equal([
      [1, "RegulatorOrdererMSP"],
      [2, "HolderOrdererMSP"],
      [3, "ExchangeOrdererMSP"],
      [4, "NotaryOrdererMSP"],
    ]);
    expect(mapping?.[0]?.Identity).to.equal("/somewhere/nodes/orderer0.regulator-orderer/msp/signcerts/cert.pem");
    expect(Orderer).to.have.nested.property("SmartBFT.RequestComplainTimeout", "1000ms");
  });

  it("lets purge and new policies work: application capability V2_5, lifecycle by majority", () => {
    const { Application } = channelOf(small);
    expect(Application.Capabilities).to.deep.equal({ V2_5: true });
    expect(Application.Policies.LifecycleEndorsement.Rule).to.equal("MAJORITY Endorsement");
    expect(Application.Organizations[1]).to.deep.include({
      ID: "HolderMSP",
      AnchorPeers: [{ Host: "localhost", Port: 7110 }],
    });
  });

  it("never looks for Docker, keeps a network on one machine on loopback, and waits briefly for dead peers", () => {
    const [regulator] = raft.peers;
    const config = peerConfig(raft, regulator!);
    expect(config.vm.endpoint).to.equal("");
    expect(config.peer.listenAddress).to.equal("127.0.0.1:8100");
    expect(config.peer.gossip.bootstrap).to.equal("localhost:8110"); // the regulator's other peer
    expect(config.peer.gossip.dialTimeout).to.equal("300ms");
    expect(config.peer.gossip.pvtData.pushAckTimeout).to.equal("200ms");
    expect(config.operations.listenAddress).to.equal("127.0.0.1:8101");
    const away = peerConfig(raft, { ...regulator!, host: "regulator.example" });
    expect(away.peer.listenAddress).to.equal("0.0.0.0:8100");
    expect(away.peer.gossip.externalEndpoint).to.equal("regulator.example:8100");
    expect(away.operations.listenAddress).to.equal("127.0.0.1:8101");
  });

  it("lets only holders of the organisation's TLS certificates administer an orderer", () => {
    const { Admin, General } = ordererConfig(raft.orderers[0]!);
    expect(Admin.TLS).to.include({ Enabled: true, ClientAuthRequired: true });
    expect(General.BootstrapMethod).to.equal("none");
  });

  it("names nodes and their hosts in certificates", () => {
    const { PeerOrgs, OrdererOrgs } = cryptogenConfig(small);
    expect(PeerOrgs[1]?.Specs).to.deep.equal([
      { Hostname: "peer0.holder", CommonName: "peer0.holder", SANS: ["peer0.holder", "localhost", "127.0.0.1"] },
    ]);
    expect(OrdererOrgs).to.have.length(1);
  });

  it("enrols nodes as what they are, a service client as a client, and no client of an ordering organisation", () => {
    const roles = (organisation: FabricTopology["organisations"][number]) =>
      holdersOf(raft, layout, organisation).map(({ name, role }) => `${name} ${role}`);
    expect(roles(raft.organisations[0]!)).to.deep.equal([
      "admin.regulator admin",
      "gateway.regulator client",
      "peer0.regulator peer",
      "peer1.regulator peer",
    ]);
    expect(roles(raft.orderingOrganisations[0]!)).to.deep.equal([
      "admin.orderer admin",
      "orderer0.orderer orderer",
      "orderer1.orderer orderer",
      "orderer2.orderer orderer",
    ]);
  });

  it("lets an authority's registrar register and revoke, and nobody make further authorities", () => {
    const { csr, registry, tls } = authorityConfig(raft.authorities[0]!, "secret");
    expect(tls.enabled).to.equal(true);
    expect(csr.ca.pathlength).to.equal(0);
    expect(registry.identities.map(({ name }) => name)).to.deep.equal(["registrar"]);
  });

  it("finds the certificates to revoke in what an authority lists", () => {
    const one = (serial: string, key: string): string =>
      `Certificate:\n  Serial Number: 476 (0x${serial})\n  X509v3 Authority Key Identifier:\n      keyid:${key}\n`;
    expect(certificatesIn(one("85ed", "F5:0B:07") + one("1a", "F5:0B:08"))).to.deep.equal([
      { serial: "85ed", authority: "f50b07" },
      { serial: "1a", authority: "f50b08" },
    ]);
    expect(certificatesIn("No results returned")).to.deep.equal([]);
    expect(() => certificatesIn("Serial Number: 1 (0x1)")).to.throw();
  });

  it("gives a gateway its own peers first, then the regulator's", () => {
    const names = (index: number): string[] =>
      profileOf(raft, layout, raft.organisations[index]!).peers.map(({ name }) => name);
    expect(names(1)).to.deep.equal(["peer0.holder", "peer0.regulator", "peer1.regulator", "peer0.exchange"]);
    expect(names(0)).to.deep.equal(["peer0.regulator", "peer1.regulator", "peer0.holder", "peer0.exchange"]);
    expect(profileOf(raft, layout, raft.organisations[1]!)).to.deep.include({
      v: "quanji.fabric.v1",
      msp: "HolderMSP",
      identity: {
        certificate: "organisations/holder/users/gateway/msp/signcerts/cert.pem",
        privateKey: "organisations/holder/users/gateway/msp/keystore/key.pem",
      },
    });
  });
});
