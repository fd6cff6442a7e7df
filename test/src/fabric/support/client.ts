/**
 * A client of one organisation on the command line: it chooses whom it asks and whose endorsements it brings, as an attacker
 * would. Its identity is the organisation's service client.
 */
import { type FabricNetwork, type Node, run, type Tools, until } from "@quanji/network/fabric";

export class Client {
  readonly #network: FabricNetwork;
  readonly #tools: Tools;
  readonly #organisation: string;
  readonly #through: readonly string[];

  /** @param through a command that runs the rest of its line elsewhere: `ip netns exec …` */
  constructor(network: FabricNetwork, tools: Tools, organisation: string, through: readonly string[] = []) {
    this.#network = network;
    this.#tools = tools;
    this.#organisation = organisation;
    this.#through = through;
  }

  /** What a chaincode operation answers at one peer. */
  query(at: string, ...args: string[]): Promise<string> {
    return this.#peer(at, ["query"], args).then((answer) => answer.trimEnd());
  }

  /**
   * {@link invokeBy} again and again until it succeeds: what a client does while orderers elect or peers restart.
   * @param orderers asked in turn. Under SmartBFT a client names all that run, as Fabric's gateway does: a follower that alone
   * complained of the leader forwards nothing, and no other orderer can complain of a request that it never saw.
   * @returns milliseconds until it did
   */
  async insist(orderers: string | readonly string[], endorsers: readonly string[], ...args: string[]): Promise<number> {
    const began = performance.now();
    const asked = [orderers].flat();
    let attempts = 0;
    const attempt = (): Promise<true> =>
      this.invokeBy(asked[attempts++ % asked.length] ?? "", endorsers, ...args).then(
        () => true,
        (error: unknown) => {
          throw new Error(String(error)); // not a NetworkFailure: those end a wait
        },
      );
    await until(attempt, { subject: "network", purpose: "commit", within: 60_000, advice: "read the logs" });
    return performance.now() - began;
  }

  /** Resolves once the transaction is committed and VALID at every endorsing peer. Throws NetworkFailure otherwise. */
  async invoke(endorsers: readonly string[], ...args: string[]): Promise<void> {
    await this.invokeBy(this.#network.topology.orderers[0]?.id ?? "", endorsers, ...args);
  }

  async invokeBy(orderer: string, endorsers: readonly string[], ...args: string[]): Promise<void> {
    await this.#peer(
      endorsers[0] ?? "",
      [
        ...["invoke", "--waitForEvent", "--waitForEventTimeout", "10s"],
        ...this.#tools.ordererArgs(this.node(orderer)),
        ...this.#tools.peerArgs(endorsers.map((id) => this.node(id))),
      ],
      args,
    );
  }

  node(id: string): Node {
    const { peers, orderers } = this.#network.topology;
    const node = [...peers, ...orderers].find((each) => each.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  #peer(at: string, verb: readonly string[], args: readonly string[]): Promise<string> {
    const { layout, topology } = this.#network;
    const node = this.node(at);
    const own = topology.organisations.find(({ name }) => name === this.#organisation);
    const command = [...this.#through, this.#tools.binaries("peer"), "chaincode", ...verb];
    const [file = "", ...rest] = command;
    return run({
      what: `${verb[0] ?? ""} ${args[0] ?? ""} at ${at} as ${this.#organisation}`,
      file,
      args: [
        ...rest,
        ...["-C", topology.channel, "-n", topology.settings.chaincode.name],
        ...["-c", JSON.stringify({ Args: args })],
      ],
      cwd: layout.root,
      log: layout.commands,
      within: 20_000,
      env: {
        FABRIC_CFG_PATH: layout.node(topology.peers[0]?.id ?? ""),
        CORE_PEER_LOCALMSPID: own?.msp ?? "",
        CORE_PEER_MSPCONFIGPATH: layout.user(this.#organisation, "gateway").msp,
        CORE_PEER_ADDRESS: `${node.host}:${node.port}`,
        CORE_PEER_TLS_ENABLED: "true",
        CORE_PEER_TLS_ROOTCERT_FILE: layout.tlsRoot(node.organisation.name),
        FABRIC_LOGGING_SPEC: "error",
      },
    });
  }
}
