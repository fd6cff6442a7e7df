/** Evidence as the routes hand it out: receipts, checkpoints and trails under this gateway's keys, each for one viewer. */
import { type Party, QuanjiError } from "@quanji/chaincode/domain";
import { equalBytes, parseHash } from "@quanji/chaincode/log";
import { type Audience, type EvidenceContext, signerOf } from "../evidence/context.js";
import { makeReceipt } from "../evidence/receipt.js";
import { makeTrail, type TrailContext } from "../evidence/trail.js";
import type { EvidenceFor } from "../http/index.js";
import { HeadWitness } from "../witness/heads.js";
import type { LogSigner } from "../witness/log-signer.js";
import type { Foundation } from "./foundation.js";
import type { Witnesses } from "./witnesses.js";

type Parts = Pick<Foundation, "config" | "environment" | "keys" | "ledger" | "readModel"> & {
  readonly logs: readonly LogSigner[];
  /** Absent where none are configured. */
  readonly witnesses: Witnesses | undefined;
};

export function newEvidence({ config, environment, keys, ledger, readModel, logs, witnesses }: Parts): EvidenceFor {
  const cosigned = witnesses?.cosigning;
  const context: EvidenceContext = {
    index: readModel,
    gateway: keys.gateway,
    logs,
    ...(cosigned !== undefined && { cosigned }),
  };
  const witness = new HeadWitness({ index: readModel, net: config.network.net, signer: keys.heads });
  const trails: TrailContext = {
    index: readModel,
    logs,
    ledger,
    witness,
    clock: environment.clock,
    ...(witnesses !== undefined && { cosigned: witnesses.cosigning, gather: (heads) => witnesses.heads.gather(heads) }),
  };
  return {
    receipt: (record, viewer) => makeReceipt(context, record, audienceOf(viewer)),
    async checkpoint(origin) {
      const signer = signerOf(context, origin);
      const log = await readModel.log(origin);
      if (log === undefined) throw new QuanjiError("NOT_FOUND", "there is no such log", { field: "log" });
      const head = { size: log.size, root: parseHash(log.root) };
      const newest = await cosigned?.newest(origin);
      return newest?.size === head.size && equalBytes(newest.root, head.root) ? newest.note : signer.checkpoint(head);
    },
    cosigned: async ({ log, record }, waitMs, signal) =>
      (await cosigned?.awaited(log, record, waitMs, signal)) ?? false,
    trail: (query, viewer, signal) => makeTrail(trails, query, audienceOf(viewer), signal),
  };
}

const audienceOf = ({ id, roles }: Party): Audience => ({ party: id, regulator: roles.includes("regulator") });
