/** Evidence as the routes hand it out: receipts, checkpoints and trails under this gateway's keys, each for one viewer. */
import { type Party, QuanjiError } from "@quanji/chaincode/domain";
import { parseHash } from "@quanji/chaincode/log";
import { type Audience, type EvidenceContext, signerOf } from "../evidence/context.js";
import { makeReceipt } from "../evidence/receipt.js";
import { makeTrail } from "../evidence/trail.js";
import type { EvidenceFor } from "../http/index.js";
import { HeadWitness } from "../witness/heads.js";
import { LogSigner } from "../witness/log-signer.js";
import type { Foundation } from "./foundation.js";

export function newEvidence({
  config,
  environment,
  keys,
  ledger,
  readModel,
}: Pick<Foundation, "config" | "environment" | "keys" | "ledger" | "readModel">): EvidenceFor {
  const logs = keys.logs.map((key) => new LogSigner(key));
  const context: EvidenceContext = { index: readModel, gateway: keys.gateway, logs };
  const witness = new HeadWitness({ index: readModel, net: config.network.net, signer: keys.heads });
  const trails = { index: readModel, logs, ledger, witness, clock: environment.clock };
  return {
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
