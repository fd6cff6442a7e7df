/**
 * Who signs: X.509 identities as Fabric serialises them (`SerializedIdentity`), and the check that a certificate was issued
 * by the root that the channel's genesis block names for its organisation. As in Fabric's NodeOUs, the subject's
 * organisational unit is the role.
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import { msp as mspProtos } from "@hyperledger/fabric-protos";
import { signLowS, verifyLowS } from "./ecdsa.js";

export const ROLES = ["client", "peer", "orderer"] as const;
export type Role = (typeof ROLES)[number];

/** A key that signs under a certificate. */
export interface Signer {
  readonly msp: string;
  /** `SerializedIdentity`: creator, endorser. */
  readonly identity: Uint8Array;
  sign(data: Uint8Array): Uint8Array;
}

export function newSigner(msp: string, certificatePem: string, key: KeyObject): Signer {
  const message = new mspProtos.SerializedIdentity();
  message.setMspid(msp);
  message.setIdBytes(Buffer.from(certificatePem, "utf8"));
  return { msp, identity: message.serializeBinary(), sign: (data) => signLowS(key, data) };
}

export interface Identity {
  readonly msp: string;
  readonly role: Role;
  readonly publicKey: KeyObject;
}

/** More identities than any network of this ledger has: beyond it, the cache starts again. */
const MAX_CACHED = 1024;

/**
 * The organisations' roots and what has been checked against them. Certificates are not checked against a clock: the
 * ledger's time is a parameter that tests move, and the keys are made to last (see organisations.ts).
 */
export class Membership {
  readonly #roots: ReadonlyMap<string, X509Certificate>;
  readonly #checked = new Map<string, Identity | undefined>();

  /** @param roots PEM of each organisation's root certificate, by MSP. */
  constructor(roots: ReadonlyMap<string, string>) {
    this.#roots = new Map([...roots].map(([msp, pem]) => [msp, new X509Certificate(pem)]));
  }

  /** Undefined unless the certificate was issued by the root of the MSP that it claims and states one role. */
  identify(serialized: Uint8Array): Identity | undefined {
    const name = Buffer.from(serialized.buffer, serialized.byteOffset, serialized.length).toString("latin1");
    if (this.#checked.has(name)) return this.#checked.get(name);
    if (this.#checked.size >= MAX_CACHED) this.#checked.clear();
    const identity = this.#check(serialized);
    this.#checked.set(name, identity);
    return identity;
  }

  /** Whether `signature` over `data` is by an identity of that role; answers the identity. */
  verify(serialized: Uint8Array, role: Role, data: Uint8Array, signature: Uint8Array): Identity | undefined {
    const identity = this.identify(serialized);
    if (identity?.role !== role) return undefined;
    return verifyLowS(identity.publicKey, data, signature) ? identity : undefined;
  }

  #check(serialized: Uint8Array): Identity | undefined {
    try {
      const message = mspProtos.SerializedIdentity.deserializeBinary(serialized);
      const root = this.#roots.get(message.getMspid());
      const certificate = new X509Certificate(message.getIdBytes_asU8());
      if (root === undefined || !certificate.checkIssued(root) || !certificate.verify(root.publicKey)) return undefined;
      const units = certificate.subject.split("\n").filter((part) => part.startsWith("OU="));
      const role = ROLES.find((known) => units.length === 1 && units[0] === `OU=${known}`);
      return role === undefined ? undefined : { msp: message.getMspid(), role, publicKey: certificate.publicKey };
    } catch {
      return undefined; // not an identity at all
    }
  }
}
