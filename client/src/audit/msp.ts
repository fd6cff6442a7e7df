/**
 * Who somebody is under one organisation's definition (MSP) in the configuration in force. Certificates are not held against
 * a clock, as peers do not: Fabric validates an identity at the first second of its own certificate.
 * @see fabric msp/mspimplvalidate.go, msp/mspimpl.go
 */
import "reflect-metadata";
import { type KeyObject, X509Certificate } from "node:crypto";
import { msp as mspProtos } from "@hyperledger/fabric-protos";
import * as x509 from "@peculiar/x509";

export const ROLES = ["client", "peer", "admin", "orderer"] as const;
export type Role = (typeof ROLES)[number];

export interface Identity {
  readonly msp: string;
  /** SHA-256 of the certificate: two spellings of one certificate are one identity. */
  readonly fingerprint: string;
  readonly publicKey: KeyObject;
  /** By organisational unit; undefined where the organisation does not use units as roles. */
  readonly role: Role | undefined;
  /** By its unit, or because the configuration lists the certificate. */
  readonly isAdmin: boolean;
  readonly units: readonly string[];
}

interface Unit {
  readonly name: string;
  /** Fingerprint of the authority that alone may give the unit; undefined: any of the organisation's. */
  readonly issuer: string | undefined;
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
const serial = (hex: string): string => BigInt(`0x${hex}`).toString(16);

export class Msp {
  readonly #name: string;
  readonly #roots: readonly X509Certificate[];
  readonly #intermediates: readonly X509Certificate[];
  readonly #admins: ReadonlySet<string>;
  readonly #units: ReadonlyMap<Role, Unit> | undefined;
  /** Serial numbers by the fingerprint of the authority that revoked them. */
  readonly #revoked: ReadonlyMap<string, ReadonlySet<string>>;

  private constructor(config: mspProtos.FabricMSPConfig, revoked: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#name = config.getName();
    this.#roots = config.getRootCertsList_asU8().map((pem) => new X509Certificate(pem));
    this.#intermediates = config.getIntermediateCertsList_asU8().map((pem) => new X509Certificate(pem));
    this.#admins = new Set(config.getAdminsList_asU8().map((pem) => new X509Certificate(pem).fingerprint256));
    this.#units = unitsOf(config.getFabricNodeOus());
    this.#revoked = revoked;
  }

  /** @param bytes `FabricMSPConfig`. Throws what is none. */
  static async parse(bytes: Uint8Array): Promise<Msp> {
    const config = mspProtos.FabricMSPConfig.deserializeBinary(bytes);
    return new Msp(config, await revokedBy(config));
  }

  get name(): string {
    return this.#name;
  }

  /** Undefined unless the certificate leads to a root of the organisation, is not revoked, and says what it may be. */
  identify(certificatePem: Uint8Array): Identity | undefined {
    try {
      if (!text(certificatePem).startsWith("-----BEGIN CERTIFICATE-----")) return undefined;
      return this.#identify(new X509Certificate(certificatePem));
    } catch {
      return undefined; // no certificate
    }
  }

  #identify(certificate: X509Certificate): Identity | undefined {
    const issuer = this.#issuerOf(certificate);
    if (certificate.ca || issuer === undefined) return undefined;
    if (this.#revoked.get(issuer.fingerprint256)?.has(serial(certificate.serialNumber)) === true) return undefined;
    const units = new x509.X509Certificate(certificate.raw).subjectName.getField("OU");
    const fingerprint = certificate.fingerprint256;
    const role = this.#roleOf(units, issuer.fingerprint256);
    if (this.#units !== undefined && role === undefined) return undefined;
    const isAdmin = role === "admin" || this.#admins.has(fingerprint);
    return { msp: this.#name, fingerprint, publicKey: certificate.publicKey, role, isAdmin, units };
  }

  /** The authority that issued a certificate, if it leads to a root. */
  #issuerOf(certificate: X509Certificate, depth = 0): X509Certificate | undefined {
    const root = this.#roots.find((one) => isIssued(certificate, one));
    if (root !== undefined || depth > this.#intermediates.length) return root;
    return this.#intermediates.find(
      (one) => isIssued(certificate, one) && this.#issuerOf(one, depth + 1) !== undefined,
    );
  }

  /** Exactly one unit has to be that of a role, and be given by the authority that may. */
  #roleOf(units: readonly string[], issuer: string): Role | undefined {
    const roles = units.flatMap((unit) => [...(this.#units ?? [])].filter(([, { name }]) => name === unit));
    const [only, ...others] = roles;
    if (only === undefined || others.length > 0) return undefined;
    const [role, unit] = only;
    return unit.issuer === undefined || unit.issuer === issuer ? role : undefined;
  }
}

const isIssued = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

function unitsOf(config: mspProtos.FabricNodeOUs | undefined): ReadonlyMap<Role, Unit> | undefined {
  if (config?.getEnable() !== true) return undefined;
  const declared: readonly (readonly [Role, mspProtos.FabricOUIdentifier | undefined])[] = [
    ["client", config.getClientOuIdentifier()],
    ["peer", config.getPeerOuIdentifier()],
    ["admin", config.getAdminOuIdentifier()],
    ["orderer", config.getOrdererOuIdentifier()],
  ];
  return new Map(
    declared.flatMap(([role, unit]) => {
      if (unit === undefined) return [];
      const pem = unit.getCertificate_asU8();
      const issuer = pem.length === 0 ? undefined : new X509Certificate(pem).fingerprint256;
      return [[role, { name: unit.getOrganizationalUnitIdentifier(), issuer }] as const];
    }),
  );
}

/** A list counts for the authority that signed it, and an expired one as well, as for peers. */
async function revokedBy(config: mspProtos.FabricMSPConfig): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const revoked = new Map<string, Set<string>>();
  const authorities = [...config.getRootCertsList_asU8(), ...config.getIntermediateCertsList_asU8()].map(
    (pem) => new X509Certificate(pem),
  );
  for (const bytes of config.getRevocationListList_asU8()) {
    const list = new x509.X509Crl(text(bytes).startsWith("-----BEGIN") ? text(bytes) : new Uint8Array(bytes));
    for (const { raw, fingerprint256 } of authorities) {
      if (!(await list.verify({ publicKey: new x509.X509Certificate(raw) }))) continue;
      const serials = revoked.get(fingerprint256) ?? new Set<string>();
      for (const { serialNumber } of list.entries) serials.add(serial(serialNumber));
      revoked.set(fingerprint256, serials);
    }
  }
  return revoked;
}
