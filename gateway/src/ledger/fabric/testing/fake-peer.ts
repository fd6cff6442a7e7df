/** Test support: a peer's gateway and deliver services over TLS, which answer as they are told. */
import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { common, gateway, google, msp, peer } from "@hyperledger/fabric-protos";
import any from "google-protobuf/google/protobuf/any_pb.js";
import type { Said } from "../faults.js";
import type { Identity } from "../identity.js";
import type { FabricNode, FabricProfile } from "../profile.js";
import { createPrivateKey } from "node:crypto";
import { newCertificate } from "./certificate.js";

/** A gRPC error, or the result of the chaincode. Undefined: no answer at all. */
export type Say =
  { readonly code: number; readonly message: string; readonly details?: readonly Said[] } | string | undefined;

export interface Heard {
  readonly method: "endorse" | "evaluate" | "submit";
  readonly txId: string;
  readonly organisations: readonly string[];
  /** Of an endorsement: the certificate in the proposal's header. */
  readonly creator?: string;
  /** Of a submit: the envelope's bytes. */
  readonly envelope?: string;
}

type Callback<T> = sendUnaryData<T>;

const { GatewayService } = gateway;
const { DeliverService } = peer;

export class FakePeer {
  readonly heard: Heard[] = [];
  endorses: Say = "endorsed";
  evaluates: Say = "evaluated";
  /** Text: an orderer takes it. */
  submits: Say = "taken";
  blocks: readonly peer.BlockAndPrivateData[] = [];
  readonly name: string;
  readonly tlsRoot: string;
  readonly #server = new Server();
  #port = 0;

  private constructor(name: string, tlsRoot: string) {
    this.name = name;
    this.tlsRoot = tlsRoot;
  }

  static async start(name: string): Promise<FakePeer> {
    const { certificate, privateKey } = await newCertificate();
    const fake = new FakePeer(name, certificate);
    fake.#server.addService(GatewayService, fake.#gateway());
    fake.#server.addService(DeliverService, fake.#deliver());
    const tls = ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(certificate), private_key: Buffer.from(privateKey) },
    ]);
    fake.#port = await new Promise<number>((resolve, reject) => {
      fake.#server.bindAsync("localhost:0", tls, (error, port) => (error === null ? resolve(port) : reject(error)));
    });
    return fake;
  }

  node(msp: string): FabricNode {
    return { name: this.name, msp, endpoint: `localhost:${this.#port}`, tlsRoot: this.tlsRoot };
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #gateway() {
    return {
      endorse: (call: ServerUnaryCall<gateway.EndorseRequest, never>, answer: Callback<gateway.EndorseResponse>) => {
        const { request } = call;
        const organisations = request.getEndorsingOrganizationsList();
        this.heard.push({
          method: "endorse",
          txId: request.getTransactionId(),
          organisations,
          creator: creatorOf(request),
        });
        reply(this.endorses, answer, (result) => endorsed(request, result));
      },
      evaluate: (call: ServerUnaryCall<gateway.EvaluateRequest, never>, answer: Callback<gateway.EvaluateResponse>) => {
        const { request } = call;
        this.#hear("evaluate", request.getTransactionId(), request.getTargetOrganizationsList());
        reply(this.evaluates, answer, (result) => {
          const response = new peer.Response();
          response.setPayload(Buffer.from(result));
          const message = new gateway.EvaluateResponse();
          message.setResult(response);
          return message;
        });
      },
      submit: (call: ServerUnaryCall<gateway.SubmitRequest, never>, answer: Callback<gateway.SubmitResponse>) => {
        const { request } = call;
        const envelope = Buffer.from(request.getPreparedTransaction()?.serializeBinary() ?? []).toString("hex");
        this.heard.push({ method: "submit", txId: request.getTransactionId(), organisations: [], envelope });
        reply(this.submits, answer, () => new gateway.SubmitResponse());
      },
      commitStatus: () => undefined,
      chaincodeEvents: () => undefined,
    };
  }

  #deliver() {
    return {
      deliver: () => undefined,
      deliverFiltered: () => undefined,
      deliverWithPrivateData: (stream: ServerDuplexStream<common.Envelope, peer.DeliverResponse>) => {
        stream.once("data", () => {
          for (const block of this.blocks) {
            const response = new peer.DeliverResponse();
            response.setBlockAndPrivateData(block);
            stream.write(response);
          }
        });
      },
    };
  }

  #hear(method: Heard["method"], txId: string, organisations: readonly string[]): void {
    this.heard.push({ method, txId, organisations });
  }
}

function creatorOf(request: gateway.EndorseRequest): string {
  const bytes = request.getProposedTransaction()?.getProposalBytes_asU8() ?? new Uint8Array();
  const header = common.Header.deserializeBinary(peer.Proposal.deserializeBinary(bytes).getHeader_asU8());
  const creator = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8()).getCreator_asU8();
  return Buffer.from(msp.SerializedIdentity.deserializeBinary(creator).getIdBytes_asU8()).toString("utf8");
}

function reply<T>(say: Say, answer: Callback<T>, make: (result: string) => T): void {
  if (say === undefined) return;
  if (typeof say === "string") {
    answer(null, make(say));
    return;
  }
  const { code, message, details = [] } = say;
  const status = new google.rpc.Status();
  status.setCode(code);
  status.setMessage(message);
  for (const detail of details) {
    const error = new gateway.ErrorDetail();
    error.setAddress(detail.name);
    error.setMspId(detail.msp);
    error.setMessage(detail.message);
    const packed = new any.Any();
    packed.pack(error.serializeBinary(), "gateway.ErrorDetail");
    status.addDetails(packed);
  }
  const metadata = new Metadata();
  if (details.length > 0) metadata.set("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  const error: object = { code, details: message, metadata };
  answer(error);
}

/** An unsigned envelope of the proposal, as a peer prepares it. */
function endorsed(request: gateway.EndorseRequest, result: string): gateway.EndorseResponse {
  const proposal = peer.Proposal.deserializeBinary(
    request.getProposedTransaction()?.getProposalBytes_asU8() ?? new Uint8Array(),
  );
  const response = new peer.Response();
  response.setStatus(200);
  response.setPayload(Buffer.from(result));
  const action = new peer.ChaincodeAction();
  action.setResponse(response);
  const payload = new peer.ProposalResponsePayload();
  payload.setExtension$(action.serializeBinary());
  const endorsedAction = new peer.ChaincodeEndorsedAction();
  endorsedAction.setProposalResponsePayload(payload.serializeBinary());
  const actionPayload = new peer.ChaincodeActionPayload();
  actionPayload.setAction(endorsedAction);
  const transactionAction = new peer.TransactionAction();
  transactionAction.setPayload(actionPayload.serializeBinary());
  const transaction = new peer.Transaction();
  transaction.setActionsList([transactionAction]);
  const outer = new common.Payload();
  outer.setHeader(common.Header.deserializeBinary(proposal.getHeader_asU8()));
  outer.setData(transaction.serializeBinary());
  const envelope = new common.Envelope();
  envelope.setPayload(outer.serializeBinary());
  const message = new gateway.EndorseResponse();
  message.setPreparedTransaction(envelope);
  return message;
}

/** The profile of an organisation with these peers. */
export async function profileOf(
  peers: readonly FakePeer[],
  mspId = "HolderMSP",
): Promise<FabricProfile & { readonly identity: { current: Identity } }> {
  const { certificate, privateKey } = await newCertificate();
  const nodes = peers.map((one) => one.node(mspId));
  return {
    topology: {
      channel: "quanji",
      organisations: [
        { name: "regulator", msp: "RegulatorMSP" },
        { name: "holder", msp: "HolderMSP" },
      ],
      regulator: "RegulatorMSP",
    },
    chaincode: "quanji",
    testClock: false,
    msp: mspId,
    identity: { current: { certificatePem: certificate, key: createPrivateKey(privateKey) } },
    ownPeers: nodes,
    peers: nodes,
    orderers: [],
  };
}
