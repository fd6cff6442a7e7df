/** Evidence as the routes hand it out: receipts, checkpoints and trails under this gateway's keys, each for one viewer. */
import { type Party, QuanjiError } from "@quanji/chaincode/domain";
import { parseHash } from "@quanji/chaincode/log";
import { type Audience, type EvidenceContext, signerOf } from "../evidence/context.js";
import { makeReceipt } from "../evidence/receipt.js";
import { makeTrail } from "../evidence/trail.js";
import type { EvidenceFor } from "../http/index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { HeadWitness } from "../witness/heads.js";
import { LogSigner } from "../witness/log-signer.js";
import type { Foundation } from "./foundation.js";

export interface Tickets {
  /** The receipt of a permit as a compact JWS (RFC 7515 §3.1), with nothing opened. */
  readonly ticket: (record: KnownRecord) => Promise<string>;
}

export function newEvidence({
  config,
  environment,
  keys,
  ledger,
  readModel,
}: Pick<Foundation, "config" | "environment" | "keys" | "ledger" | "readModel">): EvidenceFor & Tickets {
  const logs = keys.logs.map((key) => new LogSigner(key));
  const context: EvidenceContext = { index: readModel, gateway: keys.gateway, logs };
  const witness = new HeadWitness({ index: readModel, net: config.network.net, signer: keys.heads });
  const trails = { index: readModel, logs, ledger, witness, clock: environment.clock };
  return {
    async ticket(record) {
      const jws = await makeReceipt(context, record, { party: "", regulator: false });
      return `${jws.protected}.${jws.payload}.${jws.signature}`;
    },
    receipt: (record, viewer) => makeReceipt(context, record, audienceOf(viewer)),
    async checkpoint(origin) {
      const signer = signerOf(context, origin);
      const log = await readModel.log(origin);
      if (log === undefined) throw new QuanjiError("NOT_FOUND", "there is no such log", { field: "log" });
      return signer.checkpoint({ size: log.size, root: parseHash(log.root) });
    },
    trail: (query, viewer, signal) => makeTrail(trails, query, audienceOf(viewer), signal),
  };
}

const audienceOf = ({ id, roles }: Party): Audience => ({ party: id, regulator: roles.includes("regulator") });
