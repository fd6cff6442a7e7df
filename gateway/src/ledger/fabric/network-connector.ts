/**
 * The connector on `fabric-network` 2.2, for networks whose peers are older than 2.4 and so have no gateway service: it speaks
 * to every endorser and to the orderers itself. Peers and orderers are those of the profile, so nothing has to be discovered.
 */
import { peer as peerProtos } from "@hyperledger/fabric-protos";
import type { Gateway, Network } from "fabric-network";
import { LedgerError, type TransactionRequest } from "../ledger.js";
import {
  BLOCK_BY_NUMBER,
  CHAIN_INFO,
  type Connector,
  type Endorsed,
  endorsersOf,
  heightIn,
  Unsure,
} from "./connector.js";
import { collectionsTouched } from "./decode.js";
import { DEADLINES } from "./endpoint.js";
import { broadcastRefusal, endorseFault, evaluateFault, type Failure, type Said, STATUS } from "./faults.js";
import type { Identity } from "./identity.js";
import type { FabricNode, FabricProfile } from "./profile.js";

type Channel = ReturnType<Network["getChannel"]>;
type Endorsement = ReturnType<Channel["newEndorsement"]>;
type Answer = Awaited<ReturnType<Endorsement["send"]>>["responses"][number];
type Context = NonNullable<Gateway["identityContext"]>;

/** The library's own log is errors of single peers on standard error: they come back in what it throws, too. */
const QUIET = '{"error":"/dev/null"}';

/** As `fabric-network` wants it: a "common connection profile". */
function commonProfile({ topology, peers, orderers }: FabricProfile): Record<string, unknown> {
  const reach = (nodes: readonly FabricNode[]): Record<string, unknown> =>
    Object.fromEntries(
      nodes.map(({ name, endpoint, tlsRoot }) => [
        name,
        { url: `grpcs://${endpoint}`, tlsCACerts: { pem: tlsRoot }, grpcOptions: { ...CHANNEL } },
      ]),
    );
  const ofOrganisation = (msp: string): string[] => peers.filter((one) => one.msp === msp).map(({ name }) => name);
  return {
    name: topology.channel,
    version: "1.0",
    organizations: Object.fromEntries(
      topology.organisations.map(({ name, msp }) => [name, { mspid: msp, peers: ofOrganisation(msp) }]),
    ),
    channels: {
      [topology.channel]: {
        orderers: orderers.map(({ name }) => name),
        peers: Object.fromEntries(peers.map(({ name }) => [name, {}])),
      },
    },
    peers: reach(peers),
    orderers: reach(orderers),
  };
}

const CHANNEL = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc-wait-for-ready-timeout": 3_000,
} as const;

/** The library's connections, which are opened with one certificate and act with no other. */
interface Session {
  readonly identity: Identity;
  readonly gateway: Gateway;
  readonly channel: Channel;
}

/** Loads the library only where it is asked for. Nodes that do not answer now are connected to when they do. */
async function openSession(profile: FabricProfile, identity: Identity): Promise<Session> {
  process.env["HFC_LOGGING"] ??= QUIET;
  const { default: library } = await import("fabric-network");
  const gateway = new library.Gateway();
  const { certificatePem, key } = identity;
  const privateKey = key.export({ format: "pem", type: "pkcs8" }).toString();
  const acting = { type: "X.509", mspId: profile.msp, credentials: { certificate: certificatePem, privateKey } };
  await gateway.connect(commonProfile(profile), { identity: acting, discovery: { enabled: false } });
  const network = await gateway.getNetwork(profile.topology.channel);
  return { identity, gateway, channel: network.getChannel() };
}

export class NetworkConnector implements Connector {
  readonly #profile: FabricProfile;
  /** The newest; those before it are closed once it is there. */
  #session: Promise<Session>;
  #actsAs: Identity;
  /** How often a peer of that organisation has failed: which one is asked next. */
  readonly #failures = new Map<string, number>();
  #orderer = 0;

  private constructor(profile: FabricProfile, session: Session) {
    this.#profile = profile;
    this.#session = Promise.resolve(session);
    this.#actsAs = session.identity;
  }

  static async open(profile: FabricProfile): Promise<NetworkConnector> {
    return new NetworkConnector(profile, await openSession(profile, profile.identity.current));
  }

  async endorse(request: TransactionRequest): Promise<Endorsed> {
    const { msp, topology, chaincode } = this.#profile;
    const session = await this.#current();
    const context = contextOf(session).calculateTransactionId();
    const endorsement = session.channel.newEndorsement(chaincode);
    endorsement.build(context, buildRequest(request));
    endorsement.sign(context);
    const named = endorsersOf(request, { msp, regulator: topology.regulator });
    const endorsers = named ?? (await this.#whomItConcerns(session, endorsement));
    const answers = await this.#ask(session, endorsement, endorsers);
    const commit = endorsement.newCommit();
    commit.build(context);
    commit.sign(context);
    const txId = endorsement.getTransactionId();
    return { txId, result: resultOf(answers[0]).toString("utf8"), broadcast: () => this.#broadcast(commit, txId) };
  }

  async evaluate(request: TransactionRequest): Promise<string> {
    const [endorser = this.#profile.msp] = request.endorsers ?? [];
    const answer = await this.#query(this.#profile.chaincode, endorser, buildRequest(request));
    return answer.toString("utf8");
  }

  async height(): Promise<number> {
    const { msp, topology } = this.#profile;
    const { chaincode, name } = CHAIN_INFO;
    return heightIn(await this.#query(chaincode, msp, { fcn: name, args: [topology.channel] }));
  }

  block(number: number): Promise<Uint8Array> {
    const { msp, topology } = this.#profile;
    const { chaincode, name } = BLOCK_BY_NUMBER;
    return this.#query(chaincode, msp, { fcn: name, args: [topology.channel, String(number)] });
  }

  async close(): Promise<void> {
    (await this.#session).gateway.disconnect();
  }

  /** Opened anew where the certificate has been renewed. */
  #current(): Promise<Session> {
    const { current } = this.#profile.identity;
    if (current === this.#actsAs) return this.#session;
    this.#actsAs = current;
    const before = this.#session;
    this.#session = openSession(this.#profile, current).finally(async () => {
      (await before).gateway.disconnect();
    });
    return this.#session;
  }

  /** The regulator's transaction may concern any organisation: its own peer's simulation tells which. */
  async #whomItConcerns(session: Session, endorsement: Endorsement): Promise<readonly string[]> {
    const { topology, chaincode } = this.#profile;
    const { regulator } = topology;
    const [answer] = await this.#ask(session, endorsement, [regulator]);
    const others = topology.organisations.map(({ msp }) => msp).filter((msp) => msp !== regulator);
    const own = collectionsTouched(answer?.payload ?? new Uint8Array(), chaincode);
    const touched = others.filter((msp) => own.includes(`org-${msp}`));
    return [regulator, ...(touched.length > 0 ? touched : others.slice(0, 1))];
  }

  /** Endorsements of one peer of each organisation; of its next peer, if one cannot be reached. All of one answer. */
  async #ask(session: Session, endorsement: Endorsement, endorsers: readonly string[]): Promise<readonly Answer[]> {
    const txId = endorsement.getTransactionId();
    const rounds = Math.max(...endorsers.map((msp) => this.#peersOf(msp).length), 1);
    for (let left = rounds; ; left--) {
      const targets = endorsers.map((msp) => this.#target(msp));
      const failure = await this.#send(session, endorsement, targets, endorsers);
      if (!("code" in failure)) return failure;
      if (failure.code !== STATUS.UNAVAILABLE || left <= 1) throw endorseFault(failure, { txId, endorsers });
      for (const { msp } of failure.details) this.#failures.set(msp, (this.#failures.get(msp) ?? 0) + 1);
    }
  }

  async #send(
    { channel }: Session,
    proposal: Pick<Endorsement, "send">,
    targets: readonly FabricNode[],
    endorsers: readonly string[],
  ): Promise<readonly Answer[] | Failure> {
    const peers = targets.map(({ name }) => channel.getEndorser(name));
    try {
      const { errors, responses } = await proposal.send({ targets: peers, requestTimeout: DEADLINES.endorseMs });
      return verdictOf(errors, responses, targets, endorsers.length);
    } catch (error) {
      // The library throws before it sends if none of the targets is connected.
      const message = error instanceof Error ? error.message : String(error);
      return { code: STATUS.UNAVAILABLE, message, details: targets.map(({ name, msp }) => ({ name, msp, message })) };
    }
  }

  async #query(chaincode: string, msp: string, request: Parameters<Endorsement["build"]>[1]): Promise<Buffer> {
    const session = await this.#current();
    const context = contextOf(session).calculateTransactionId();
    const query = session.channel.newQuery(chaincode);
    query.build(context, request);
    query.sign(context);
    const txId = query.getTransactionId();
    for (let left = this.#peersOf(msp).length; ; left--) {
      const target = this.#target(msp);
      const result = await this.#send(session, query, [target], [msp]);
      if (!("code" in result)) return resultOf(result[0]);
      if (result.code !== STATUS.UNAVAILABLE || left <= 1) throw evaluateFault(result, txId);
      this.#failures.set(msp, (this.#failures.get(msp) ?? 0) + 1);
    }
  }

  #peersOf(msp: string): readonly FabricNode[] {
    return this.#profile.peers.filter((one) => one.msp === msp);
  }

  #target(msp: string): FabricNode {
    const peers = this.#peersOf(msp);
    const peer = peers[(this.#failures.get(msp) ?? 0) % peers.length];
    if (peer === undefined) throw new LedgerError("UNAVAILABLE", `the profile names no peer of ${msp}`);
    return peer;
  }

  /** To the orderers one after another until one takes it; the next time, the first is another. */
  async #broadcast(commit: ReturnType<Endorsement["newCommit"]>, txId: string): Promise<void> {
    const { channel } = await this.#current();
    const committers = channel.getCommitters();
    const first = this.#orderer++ % committers.length;
    const targets = [...committers.slice(first), ...committers.slice(0, first)];
    let answer: { readonly status: string; readonly info?: string };
    try {
      answer = (await commit.send({ targets, requestTimeout: DEADLINES.broadcastMs })) as typeof answer;
    } catch (cause) {
      throw new Unsure(cause instanceof Error ? cause.message : String(cause), { cause });
    }
    if (answer.status === "SUCCESS") return;
    const message = `status=${answer.status}, info=${answer.info ?? ""}`;
    throw broadcastRefusal({ code: STATUS.ABORTED, message, details: [] }, txId, 1) ?? new Unsure(message);
  }
}

function contextOf({ gateway }: Session): Context {
  const context = gateway.identityContext;
  if (context === undefined) throw new LedgerError("UNAVAILABLE", "the gateway is not connected");
  return context;
}

const buildRequest = ({ name, args, transient = {} }: TransactionRequest) => ({
  fcn: name,
  args: [...args],
  transientMap: Object.fromEntries(Object.entries(transient).map(([key, value]) => [key, Buffer.from(value, "utf8")])),
  generateTransactionId: false,
});

/** Equal answers, or what is wrong with them in the terms of the fault table. */
function verdictOf(
  errors: readonly { readonly message: string; readonly connection?: { readonly name: string } }[],
  responses: readonly Answer[],
  targets: readonly FabricNode[],
  wanted: number,
): readonly Answer[] | Failure {
  const said = (name: string | undefined, message: string): Said => {
    const target = targets.find((one) => one.name === name) ?? targets[0];
    return { name: target?.name ?? "", msp: target?.msp ?? "", message };
  };
  const refused = responses.filter((one) => one.response.status < 200 || one.response.status >= 400);
  if (refused.length > 0) {
    const details = refused.map(({ connection, response }) =>
      said(connection.name, `chaincode response ${response.status}, ${response.message}`),
    );
    return { code: STATUS.ABORTED, message: "refused", details };
  }
  if (errors.length > 0 || responses.length < wanted) {
    const details = errors.map(({ connection, message }) => said(connection?.name, message));
    return { code: STATUS.UNAVAILABLE, message: "unreachable", details };
  }
  const [first, ...others] = responses;
  const different = others.filter((one) => first !== undefined && !first.payload.equals(one.payload));
  if (different.length === 0) return responses;
  const details = different.map(({ connection }) => said(connection.name, "ProposalResponsePayloads do not match"));
  return { code: STATUS.ABORTED, message: "different", details };
}

function resultOf(answer: Answer | undefined): Buffer {
  const response = peerProtos.ProposalResponsePayload.deserializeBinary(answer?.payload ?? new Uint8Array());
  const action = peerProtos.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
  return Buffer.from(action.getResponse()?.getPayload_asU8() ?? new Uint8Array());
}
