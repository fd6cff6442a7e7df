/**
 * Where everything of one network lies, below `network/.fabric/<topology>/`:
 *
 *     topology.json              as the network was made
 *     processes.json             what runs, by process id
 *     organisations/<name>/      msp/, tls-ca.pem, users/{admin,gateway}/{msp,tls}, ca/ (Fabric CA's home)
 *     nodes/<id>/                one node whole, and nothing else: what a host needs
 *     channel/                   configtx.yaml, genesis.block, collections
 *     chaincode/                 packages and bundles by label
 *     gateway-<organisation>.json
 *     logs/<process>.log
 */
import path from "node:path";
import { STATE_ROOT } from "../tools/binaries.js";

export type User = "admin" | "gateway";

export interface Credentials {
  readonly msp: string;
  readonly certificate: string;
  readonly key: string;
  readonly tlsCertificate: string;
  readonly tlsKey: string;
}

export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  static of(topologyName: string): Layout {
    return new Layout(path.join(STATE_ROOT, topologyName));
  }

  at(...parts: string[]): string {
    return path.join(this.root, ...parts);
  }

  get topology(): string {
    return this.at("topology.json");
  }

  get processes(): string {
    return this.at("processes.json");
  }

  /** Output of every command that ran to its end. */
  get commands(): string {
    return this.log("commands");
  }

  get genesis(): string {
    return this.at("channel", "genesis.block");
  }

  log(subject: string): string {
    return this.at("logs", `${subject}.log`);
  }

  node(id: string): string {
    return this.at("nodes", id);
  }

  organisation(name: string): string {
    return this.at("organisations", name);
  }

  /** The organisation as others know it: roots, and which unit means which role. */
  msp(organisation: string): string {
    return path.join(this.organisation(organisation), "msp");
  }

  tlsRoot(organisation: string): string {
    return path.join(this.organisation(organisation), "tls-ca.pem");
  }

  user(organisation: string, user: User): Credentials {
    const folder = path.join(this.organisation(organisation), "users", user);
    return {
      msp: path.join(folder, "msp"),
      certificate: path.join(folder, "msp", "signcerts", "cert.pem"),
      key: path.join(folder, "msp", "keystore", "key.pem"),
      tlsCertificate: path.join(folder, "tls", "cert.pem"),
      tlsKey: path.join(folder, "tls", "key.pem"),
    };
  }

  /** A node's own credentials, inside its folder. */
  nodeCredentials(id: string): Credentials {
    const folder = this.node(id);
    return {
      msp: path.join(folder, "msp"),
      certificate: path.join(folder, "msp", "signcerts", "cert.pem"),
      key: path.join(folder, "msp", "keystore", "key.pem"),
      tlsCertificate: path.join(folder, "tls", "cert.pem"),
      tlsKey: path.join(folder, "tls", "key.pem"),
    };
  }

  profile(organisation: string): string {
    return this.at(`gateway-${organisation}.json`);
  }
}
