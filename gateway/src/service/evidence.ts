/** Evidence as the routes hand it out: receipts, checkpoints and trails under this gateway's keys, each for one viewer. */
import { type Party, QuanjiError } from "@quanji/chaincode/domain";
import { parseHash } from "@quanji/chaincode/log";
import type { Audience, EvidenceContext } from "../evidence/context.js";
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
  const signer = new LogSigner(keys.log);
  const context: EvidenceContext = { index: readModel, gateway: keys.gateway, logs: [signer] };
  const witness = new HeadWitness({ index: readModel, net: config.network.net, signer: keys.heads });
  const trails = { index: readModel, logs: [signer], ledger, witness, clock: environment.clock };
  return {
    receipt: (record, viewer) => makeReceipt(context, record, audienceOf(viewer)),
    async checkpoint(origin) {
      const log = await readModel.log(origin);
      if (log === undefined || origin !== signer.origin) {
        throw new QuanjiError("NOT_FOUND", "that log is another gateway's: ask there", { field: "log" });
      }
      return signer.checkpoint({ size: log.size, root: parseHash(log.root) });
    },
    trail: (query, viewer, signal) => makeTrail(trails, query, audienceOf(viewer), signal),
  };
}

const audienceOf = ({ id, roles }: Party): Audience => ({ party: id, regulator: roles.includes("regulator") });
