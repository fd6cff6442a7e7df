/**
 * Membership folders in the form that peers, orderers and tools read, with fixed file names whoever issued the certificates.
 * The unit (OU) in a certificate says what its holder is: client, peer, admin or orderer.
 */
import path from "node:path";
import { SECRET, write, writeJson } from "../tools/files.js";

/** PEM texts of an organisation. */
export interface Roots {
  readonly ca: string;
  readonly tlsCa: string;
}

/** PEM texts of one holder. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const unit = (name: string) => ({ Certificate: "cacerts/ca.pem", OrganizationalUnitIdentifier: name });

const UNITS = {
  NodeOUs: {
    Enable: true,
    ClientOUIdentifier: unit("client"),
    PeerOUIdentifier: unit("peer"),
    AdminOUIdentifier: unit("admin"),
    OrdererOUIdentifier: unit("orderer"),
  },
};

/** @param own absent for the organisation's own folder, which others keep a copy of. */
export async function writeMsp(folder: string, roots: Roots, own?: KeyPair): Promise<void> {
  await write(path.join(folder, "cacerts", "ca.pem"), roots.ca);
  await write(path.join(folder, "tlscacerts", "tlsca.pem"), roots.tlsCa);
  await writeJson(path.join(folder, "config.yaml"), UNITS);
  if (own === undefined) return;
  await write(path.join(folder, "signcerts", "cert.pem"), own.certificate);
  await write(path.join(folder, "keystore", "key.pem"), own.key, SECRET);
}

export async function writeTls(folder: string, roots: Roots, own: KeyPair): Promise<void> {
  await write(path.join(folder, "ca.pem"), roots.tlsCa);
  await write(path.join(folder, "cert.pem"), own.certificate);
  await write(path.join(folder, "key.pem"), own.key, SECRET);
}
