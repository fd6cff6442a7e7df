/**
 * The embedded ledger's organisations: for each a root CA and a peer's and a client's key and certificate, and an orderer's,
 * made at the first start and loaded afterwards. P-256; subjects hold service names only. All keys lie in one process's
 * folder, so "several organisations" is a rehearsal here, and verdicts say `single-operator`.
 */
import "reflect-metadata";
import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import { access, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import * as x509 from "@peculiar/x509";
import { QuanjiError } from "@quanji/chaincode/domain";
import { ORDERER_MSP, type Organisation, type Topology } from "../topology.js";
import { newSigner, type Role, type Signer } from "./identity.js";

const FOLDER = "organisations";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** RFC 5280 §4.1.2.5: no well-defined expiration. The keys live as long as the folder, and ledger time may be moved. */
const NO_END = new Date(Date.UTC(9999, 11, 31, 23, 59, 59));

export interface LocalOrganisation {
  readonly rootPem: string;
  readonly peer: Signer;
  readonly client: Signer;
}

export interface LocalOrganisations {
  /** By MSP, in the order of the topology. */
  readonly members: ReadonlyMap<string, LocalOrganisation>;
  readonly orderer: { readonly rootPem: string; readonly signer: Signer };
}

interface Origin {
  readonly clock: () => number;
  readonly random: (size: number) => Uint8Array;
}

const ORDERER: Organisation = { name: "orderer", msp: ORDERER_MSP };

const rolesOf = ({ msp }: Organisation): readonly Role[] => (msp === ORDERER_MSP ? ["orderer"] : ["peer", "client"]);

/**
 * Loads the organisations of `folder`. `origin` makes them if there are none; without it, as for a ledger that has blocks
 * already, new keys would be keys that nobody trusts. Errors: CONFIG_INVALID · KEYS_MISSING.
 */
export async function openOrganisations(
  folder: string,
  topology: Topology,
  origin: Origin | undefined,
): Promise<LocalOrganisations> {
  const home = path.join(folder, FOLDER);
  if (origin !== undefined && !(await exists(home))) await makeAll(folder, topology, origin);
  const members = new Map<string, LocalOrganisation>();
  for (const { msp } of topology.organisations) {
    members.set(msp, {
      rootPem: await load(home, msp, "ca.pem"),
      peer: await loadSigner(home, msp, "peer"),
      client: await loadSigner(home, msp, "client"),
    });
  }
  const orderer = {
    rootPem: await load(home, ORDERER_MSP, "ca.pem"),
    signer: await loadSigner(home, ORDERER_MSP, "orderer"),
  };
  return { members, orderer };
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function load(home: string, msp: string, file: string): Promise<string> {
  try {
    return await readFile(path.join(home, msp, file), "utf8");
  } catch (cause) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      `the data folder lacks ${FOLDER}/${msp}/${file}: restore it, or start with an empty folder`,
      { field: "folder", detail: "KEYS_MISSING", cause },
    );
  }
}

async function loadSigner(home: string, msp: string, role: Role): Promise<Signer> {
  const key = createPrivateKey(await load(home, msp, `${role}.key`));
  return newSigner(msp, await load(home, msp, `${role}.pem`), key);
}

/** All or nothing: everything is written and synced under another name first, then renamed. */
async function makeAll(folder: string, topology: Topology, origin: Origin): Promise<void> {
  const draft = path.join(folder, `${FOLDER}.new`);
  await rm(draft, { recursive: true, force: true });
  for (const organisation of [...topology.organisations, ORDERER]) {
    await makeOne(path.join(draft, organisation.msp), organisation, origin);
  }
  await syncFolder(draft);
  await rename(draft, path.join(folder, FOLDER));
  await syncFolder(folder);
}

async function makeOne(home: string, organisation: Organisation, origin: Origin): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const caKeys = await newKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(organisation, "ca", origin),
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  await save(home, "ca", root, caKeys.privateKey);
  for (const role of rolesOf(organisation)) {
    const keys = await newKeys();
    const { name, ...rest } = common(organisation, role, origin);
    const certificate = await x509.X509CertificateGenerator.create({
      ...rest,
      subject: name,
      issuer: root.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ],
    });
    await save(home, role, certificate, keys.privateKey);
  }
  await syncFolder(home);
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

function common({ name }: Organisation, service: string, { clock, random }: Origin) {
  const serial = random(16);
  serial[0] = 0x01; // positive and of fixed length (RFC 5280 §4.1.2.2)
  return {
    serialNumber: Buffer.from(serial).toString("hex"),
    name: `CN=${service}.${name},OU=${service},O=${name}`,
    notBefore: new Date(clock()),
    notAfter: NO_END,
    signingAlgorithm: ALGORITHM,
  };
}

async function save(
  home: string,
  name: string,
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
): Promise<void> {
  await writeSynced(path.join(home, `${name}.pem`), `${certificate.toString("pem")}\n`);
  await writeSynced(path.join(home, `${name}.key`), toPem(Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key))));
}

function toPem(pkcs8: Buffer): string {
  const key: KeyObject = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

async function writeSynced(file: string, text: string): Promise<void> {
  await using handle = await open(file, "wx", 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

/** A new name is on disk only once its folder is synced. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}
