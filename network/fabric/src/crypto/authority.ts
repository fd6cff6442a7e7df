/**
 * A Fabric CA server of one organisation. It issues identities and TLS certificates from one root, and only for names that
 * its registrar has registered; the unit in a certificate is the type it was registered with.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { listenHost } from "../config/peer.js";
import { assertPortsFree, ownPorts } from "../process/ports.js";
import { isHealthy } from "../process/health.js";
import type { Processes, Program } from "../process/processes.js";
import type { Binaries } from "../tools/binaries.js";
import { exists, SECRET, textOf, write } from "../tools/files.js";
import { until } from "../tools/wait.js";
import type { Layout } from "../topology/layout.js";
import { operationsPort } from "../topology/ports.js";
import { endpointOf, type Node } from "../topology/topology.js";

export const REGISTRAR = "registrar";

const YEAR = "8760h";

/** The file `fabric-ca-server-config.yaml`. JSON is YAML. */
export function authorityConfig(authority: Node, password: string) {
  const { id, host, port, organisation } = authority;
  return {
    port,
    address: listenHost(authority),
    tls: { enabled: true },
    // Whoever let a certificate run out is given a new one for it, with the same key if need be: an orderer is known by its
    // key. A revoked one is refused all the same.
    ca: { name: id, reenrollIgnoreCertExpiry: true },
    crl: { expiry: YEAR },
    registry: {
      maxenrollments: -1,
      identities: [
        {
          name: REGISTRAR,
          pass: password,
          type: "client",
          affiliation: "",
          attrs: {
            "hf.Registrar.Roles": "client,peer,orderer,admin",
            "hf.Revoker": true,
            "hf.GenCRL": true,
          },
        },
      ],
    },
    db: { type: "sqlite3", datasource: "fabric-ca-server.db" },
    affiliations: {},
    signing: {
      default: { usage: ["digital signature"], expiry: YEAR },
      profiles: {
        tls: { usage: ["digital signature", "key encipherment", "server auth", "client auth"], expiry: YEAR },
      },
    },
    csr: {
      cn: id,
      names: [{ O: organisation.name }],
      hosts: [...new Set([id, host, "localhost", "127.0.0.1"])],
      keyrequest: { algo: "ecdsa", size: 256 },
      ca: { expiry: "131400h", pathlength: 0 },
    },
    bccsp: { default: "SW", sw: { hash: "SHA2", security: 256, filekeystore: { keystore: "msp/keystore" } } },
  };
}

export const registrarSecret = (layout: Layout, authority: Node): string =>
  path.join(layout.node(authority.id), "registrar.secret");

/** The organisation's root certificate. There once the server has started. */
export const rootOf = (layout: Layout, authority: Node): string => path.join(layout.node(authority.id), "ca-cert.pem");

export async function writeAuthority(layout: Layout, authority: Node): Promise<void> {
  const folder = layout.node(authority.id);
  const secret = registrarSecret(layout, authority);
  if (!(await exists(secret))) await write(secret, randomBytes(24).toString("hex"), SECRET);
  const config = authorityConfig(authority, await textOf(secret));
  await write(path.join(folder, "fabric-ca-server-config.yaml"), `${JSON.stringify(config, null, 2)}\n`, SECRET);
}

export function authorityProgram(layout: Layout, authority: Node, binaries: Binaries): Program {
  const cwd = layout.node(authority.id);
  return {
    id: authority.id,
    kind: "authority",
    file: binaries("fabric-ca-server"),
    args: ["start"],
    cwd,
    env: {
      FABRIC_CA_SERVER_HOME: cwd,
      FABRIC_CA_SERVER_OPERATIONS_LISTENADDRESS: `127.0.0.1:${operationsPort("authority", authority.port)}`,
    },
    endpoint: endpointOf(authority),
  };
}

/** @returns whether it was started now. */
export async function startAuthority(
  layout: Layout,
  authority: Node,
  binaries: Binaries,
  processes: Processes,
): Promise<boolean> {
  await assertPortsFree(authority.id, ownPorts(authority), processes);
  await writeAuthority(layout, authority);
  const begun = await processes.start(authorityProgram(layout, authority, binaries));
  await until(
    async () => {
      await processes.assertAlive(authority.id);
      return (await isHealthy(authority)) && (await exists(rootOf(layout, authority))) ? true : undefined;
    },
    {
      subject: authority.id,
      purpose: "answer its health check",
      within: 30_000,
      log: layout.log(authority.id),
      advice: "the log says why; then give the same command again",
    },
  );
  return begun;
}
