/**
 * Identities by Fabric CA: register, enrol, re-enrol, revoke. Passwords travel in the environment of the client, never in its
 * arguments, and lie in one file that only its owner reads.
 */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Binaries } from "../tools/binaries.js";
import { NetworkFailure } from "../tools/failure.js";
import { exists, onlyFile, SECRET, textOf, write } from "../tools/files.js";
import { run } from "../tools/run.js";
import type { Layout } from "../topology/layout.js";
import { endpointOf, type Node } from "../topology/topology.js";
import { REGISTRAR, registrarSecret, rootOf } from "./authority.js";
import { type KeyPair, type Roots, writeMsp, writeTls } from "./msp.js";

export type Role = "peer" | "orderer" | "admin" | "client";

export interface Holder {
  /** Name at the authority, and common name. */
  readonly name: string;
  readonly role: Role;
  /** What its TLS certificate is for; none for a mere client. */
  readonly hosts: readonly string[];
  /** Where `msp/` and `tls/` go. */
  readonly folder: string;
}

/** The client of one authority, with the registrar's powers. */
export class Enrolment {
  readonly #authority: Node;
  readonly #endpoint: string;
  readonly #layout: Layout;
  readonly #binaries: Binaries;

  /** @param endpoint where the server is now, if not yet on its own host. */
  constructor(authority: Node, layout: Layout, binaries: Binaries, endpoint = endpointOf(authority)) {
    this.#authority = authority;
    this.#endpoint = endpoint;
    this.#layout = layout;
    this.#binaries = binaries;
  }

  async roots(): Promise<Roots> {
    const root = await textOf(rootOf(this.#layout, this.#authority));
    return { ca: root, tlsCa: root };
  }

  /** Registered if it is new, and with certificates if it has none. */
  async ensure(holder: Holder): Promise<boolean> {
    if (await exists(path.join(holder.folder, "tls", "key.pem"))) return false;
    await this.#issue(holder);
    return true;
  }

  /** First certificates, by the password of registration. */
  async #issue(holder: Holder): Promise<void> {
    const secret = await this.#secretOf(holder);
    const roots = await this.roots();
    const home = this.#home(holder.name);
    const own = await this.#enroll(holder.name, secret, path.join(home, "msp"), []);
    await writeMsp(path.join(holder.folder, "msp"), roots, own);
    const tls = await this.#enroll(holder.name, secret, path.join(home, "tls"), [
      ...["--enrollment.profile", "tls", "--csr.hosts", [holder.name, ...holder.hosts].join(",")],
    ]);
    await writeTls(path.join(holder.folder, "tls"), roots, tls);
  }

  /**
   * New certificates for one that has some: the old ones are what it asks with, or its password once they are revoked.
   * @param sameKey orderers are known by their key to each other: theirs stays, or the channel's configuration would change.
   */
  async renew(holder: Holder, sameKey: boolean): Promise<void> {
    if (!(await exists(path.join(this.#home(holder.name), "msp", "signcerts", "cert.pem")))) return this.#issue(holder);
    const roots = await this.roots();
    const home = this.#home(holder.name);
    const reuse = [`--csr.keyrequest.reusekey=${String(sameKey)}`];
    const named = ["--csr.names", `O=${this.#authority.organisation.name}`];
    const [msp, tls] = [path.join(home, "msp"), path.join(home, "tls")];
    await this.#client(holder.name, ["reenroll", "-M", msp, ...named, ...reuse]);
    await writeMsp(path.join(holder.folder, "msp"), roots, await pairIn(msp));
    await this.#client(holder.name, [
      ...["reenroll", "-M", tls, ...named, ...reuse, "--enrollment.profile", "tls"],
      ...["--csr.hosts", [holder.name, ...holder.hosts].join(",")],
    ]);
    await writeTls(path.join(holder.folder, "tls"), roots, await pairIn(tls));
  }

  /**
   * Revokes all certificates of a name at the authority, each by itself: revoking the name would close it for ever, and its
   * holder could not be given new ones. @returns the list of all revocations, in PEM.
   * The list is asked for by itself: `revoke --gencrl` leaves an empty file when nothing was left to revoke.
   */
  async revoke(name: string): Promise<string> {
    await this.#asRegistrar();
    const msp = ["-M", this.#registrarMsp()];
    const listed = await this.#client(REGISTRAR, [
      ...["certificate", "list", "--id", name, "--notrevoked", "--notexpired", ...msp],
    ]);
    for (const { serial, authority } of certificatesIn(listed)) {
      await this.#client(REGISTRAR, ["revoke", "-s", serial, "-a", authority, ...msp]);
    }
    await rm(this.#home(name), { recursive: true, force: true }); // what is revoked cannot ask for more
    await this.#client(REGISTRAR, ["gencrl", "-M", this.#registrarMsp()]);
    const file = path.join(this.#registrarMsp(), "crls", "crl.pem");
    const crl = await textOf(file);
    if (!crl.startsWith("-----BEGIN X509 CRL-----")) {
      throw new NetworkFailure(this.#authority.id, `gave no list of revocations: ${file}`, {
        log: this.#layout.log(this.#authority.id),
        advice: "the certificate is revoked at the authority but not at the channel; give the same command again",
      });
    }
    return crl;
  }

  async #enroll(name: string, secret: string, msp: string, extra: readonly string[]): Promise<KeyPair> {
    await rm(msp, { recursive: true, force: true }); // what an interrupted run left there
    const named = ["--csr.names", `O=${this.#authority.organisation.name}`];
    await this.#client(
      name,
      ["enroll", "-M", msp, ...named, ...extra],
      { FABRIC_CA_CLIENT_URL: this.#url(name, secret) },
      [secret],
    );
    return pairIn(msp);
  }

  async #secretOf({ name, role }: Holder): Promise<string> {
    const file = this.#layout.at("organisations", this.#authority.organisation.name, "ca", "secrets.json");
    const secrets = (await exists(file)) ? z.record(z.string(), z.string()).parse(JSON.parse(await textOf(file))) : {};
    const known = secrets[name];
    if (known !== undefined) return known;
    const secret = randomBytes(24).toString("hex");
    await this.#asRegistrar();
    await this.#client(
      REGISTRAR,
      ["register", "-M", this.#registrarMsp(), "--id.name", name, "--id.type", role],
      { FABRIC_CA_CLIENT_ID_SECRET: secret },
      [secret],
    );
    await write(file, `${JSON.stringify({ ...secrets, [name]: secret }, null, 2)}\n`, SECRET);
    return secret;
  }

  async #asRegistrar(): Promise<void> {
    if (await exists(path.join(this.#registrarMsp(), "signcerts", "cert.pem"))) return;
    const secret = await textOf(registrarSecret(this.#layout, this.#authority));
    await this.#enroll(REGISTRAR, secret, this.#registrarMsp(), []);
  }

  #registrarMsp(): string {
    return path.join(this.#home(REGISTRAR), "msp");
  }

  #home(name: string): string {
    return this.#layout.at("organisations", this.#authority.organisation.name, "ca", name);
  }

  #url(name: string, secret: string): string {
    return `https://${name}:${secret}@${this.#endpoint}`;
  }

  #client(
    as: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    secrets: readonly string[] = [],
  ): Promise<string> {
    const { id } = this.#authority;
    return run({
      what: `fabric-ca-client ${args[0] ?? ""} for ${as} at ${id}`,
      file: this.#binaries("fabric-ca-client"),
      args,
      env: {
        FABRIC_CA_CLIENT_HOME: this.#home(as),
        FABRIC_CA_CLIENT_URL: `https://${this.#endpoint}`,
        FABRIC_CA_CLIENT_CANAME: id,
        FABRIC_CA_CLIENT_TLS_CERTFILES: rootOf(this.#layout, this.#authority),
        ...env,
      },
      log: this.#layout.commands,
      secrets,
      advice: `is ${id} running? \`network -- status\` and its log ${this.#layout.log(id)} say`,
    });
  }
}

/** What `fabric-ca-client certificate list` tells of each certificate: serial number and its issuer's key, in hex. */
export function certificatesIn(listed: string): { serial: string; authority: string }[] {
  const serials = [...listed.matchAll(/Serial Number: \d+ \(0x([0-9a-f]+)\)/g)].map((match) => match[1] ?? "");
  const authorities = [...listed.matchAll(/Authority Key Identifier:\s+keyid:([0-9A-F:]+)/g)].map((match) =>
    (match[1] ?? "").replaceAll(":", "").toLowerCase(),
  );
  if (serials.length !== authorities.length) throw new Error("a listed certificate has no issuer's key");
  return serials.map((serial, index) => ({ serial, authority: authorities[index] ?? "" }));
}

/** Certificate and key as the client left them: old keys stay in its folder, so the one of the certificate is looked for. */
async function pairIn(msp: string): Promise<KeyPair> {
  const certificate = await textOf(await onlyFile(path.join(msp, "signcerts")));
  const holder = new X509Certificate(certificate);
  const folder = path.join(msp, "keystore");
  for (const name of await readdir(folder)) {
    const key = await textOf(path.join(folder, name));
    if (holder.checkPrivateKey(createPrivateKey(key))) return { certificate, key };
  }
  throw new NetworkFailure(folder, "has no key for the certificate beside it", {
    advice: "delete this folder and the certificates made from it, then give the same command again",
  });
}
