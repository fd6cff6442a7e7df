/** Fabric's command line tools, called as the administrator of one organisation. */
import type { Binaries } from "../tools/binaries.js";
import { run } from "../tools/run.js";
import type { Layout } from "../topology/layout.js";
import { adminPort } from "../topology/ports.js";
import { endpointOf, type FabricTopology, type Node, type Organisation } from "../topology/topology.js";

/** The tools' logs: warnings, without colours. */
const QUIET = {
  FABRIC_LOGGING_SPEC: "warning:grpc=error",
  FABRIC_LOGGING_FORMAT: "%{level:.4s} [%{module}] %{message}",
};

export class Tools {
  readonly topology: FabricTopology;
  readonly layout: Layout;
  readonly binaries: Binaries;

  constructor(topology: FabricTopology, layout: Layout, binaries: Binaries) {
    this.topology = topology;
    this.layout = layout;
    this.binaries = binaries;
  }

  /** Where a transaction of the tools goes to be ordered. */
  ordererArgs(orderer: Node): string[] {
    return ["-o", endpointOf(orderer), "--tls", "--cafile", this.layout.tlsRoot(orderer.organisation.name)];
  }

  /** Names peers of several organisations as endorsers. */
  peerArgs(peers: readonly Node[]): string[] {
    return peers.flatMap((peer) => [
      "--peerAddresses",
      endpointOf(peer),
      "--tlsRootCertFiles",
      this.layout.tlsRoot(peer.organisation.name),
    ]);
  }

  /** `peer …` as the administrator of `at`'s organisation, speaking to `at`. */
  peer(what: string, at: Node, args: readonly string[], within?: number): Promise<string> {
    const { name, msp } = at.organisation;
    return run({
      what: `${what} at ${at.id}`,
      file: this.binaries("peer"),
      args,
      cwd: this.layout.root,
      log: this.layout.commands,
      ...(within === undefined ? {} : { within }),
      env: {
        FABRIC_CFG_PATH: this.layout.node(at.id),
        CORE_PEER_LOCALMSPID: msp,
        CORE_PEER_MSPCONFIGPATH: this.layout.user(name, "admin").msp,
        CORE_PEER_ADDRESS: endpointOf(at),
        CORE_PEER_TLS_ENABLED: "true",
        CORE_PEER_TLS_ROOTCERT_FILE: this.layout.tlsRoot(name),
        ...QUIET,
      },
    });
  }

  /** `osnadmin channel …` at an orderer, as the administrator of its organisation. */
  osnadmin(what: string, at: Node, args: readonly string[]): Promise<string> {
    const { name } = at.organisation;
    const admin = this.layout.user(name, "admin");
    return run({
      what: `${what} at ${at.id}`,
      file: this.binaries("osnadmin"),
      args: [
        "channel",
        ...args,
        ...["-o", `${at.host}:${adminPort(at.port)}`],
        ...["--ca-file", this.layout.tlsRoot(name)],
        ...["--client-cert", admin.tlsCertificate, "--client-key", admin.tlsKey],
      ],
      log: this.layout.commands,
    });
  }

  /** `peer …` as an administrator who needs no peer: signing, and sending to the orderers. */
  asAdmin(what: string, { name, msp }: Organisation, args: readonly string[]): Promise<string> {
    const [anyPeer] = this.topology.peers;
    return run({
      what: `${what} as ${name}`,
      file: this.binaries("peer"),
      args,
      cwd: this.layout.root,
      log: this.layout.commands,
      env: {
        FABRIC_CFG_PATH: this.layout.node(anyPeer?.id ?? ""),
        CORE_PEER_LOCALMSPID: msp,
        CORE_PEER_MSPCONFIGPATH: this.layout.user(name, "admin").msp,
        ...QUIET,
      },
    });
  }

  configtxlator(what: string, args: readonly string[]): Promise<string> {
    return run({ what, file: this.binaries("configtxlator"), args, log: this.layout.commands });
  }

  configtxgen(what: string, args: readonly string[]): Promise<string> {
    const folder = this.layout.at("channel");
    return run({
      what,
      file: this.binaries("configtxgen"),
      args: ["-configPath", folder, ...args],
      cwd: folder,
      env: { FABRIC_CFG_PATH: folder, ...QUIET },
      log: this.layout.commands,
    });
  }

  /** @param folder with a configtx.yaml that lists it. @returns the organisation's configuration group, as JSON. */
  printOrganisation(folder: string, { msp }: Organisation): Promise<string> {
    return run({
      what: `describing ${msp}`,
      file: this.binaries("configtxgen"),
      args: ["-configPath", folder, "-printOrg", msp],
      cwd: folder,
      env: { FABRIC_CFG_PATH: folder, ...QUIET },
      log: this.layout.commands,
    });
  }
}
