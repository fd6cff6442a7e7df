/** Evidence as the routes hand it out: receipts, checkpoints and trails under this gateway's keys, each for one viewer. */
import { type Party, QuanjiError } from "@quanji/chaincode/domain";
import { equalBytes, parseHash, type TreeHead } from "@quanji/chaincode/log";
import { type Audience, type EvidenceContext, signerOf } from "../evidence/context.js";
import { hiddenBy } from "../evidence/hidden.js";
import { keptOf } from "../evidence/kept.js";
import { makeReceipt } from "../evidence/receipt.js";
import { makeSubjectTrail, type SubjectTrailContext } from "../evidence/subject-trail.js";
import { SubjectTrees } from "../evidence/subject-tree.js";
import { makeTrail, type TrailContext } from "../evidence/trail.js";
import { makeYear } from "../evidence/year.js";
import type { EvidenceFor } from "../http/index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { HeadWitness } from "../witness/heads.js";
import type { LogSigner } from "../witness/log-signer.js";
import type { Foundation } from "./foundation.js";
import type { Witnesses } from "./witnesses.js";

export interface Tickets {
  /** The receipt of a permit as a compact JWS (RFC 7515 §3.1), with nothing opened. */
  readonly ticket: (record: KnownRecord) => Promise<string>;
}

type Parts = Pick<Foundation, "config" | "environment" | "keys" | "ledger" | "readModel"> & {
  readonly logs: readonly LogSigner[];
  /** Absent where none are configured. */
  readonly witnesses: Witnesses | undefined;
};

export function newEvidence({
  config,
  environment,
  keys,
  ledger,
  readModel,
  logs,
  witnesses,
}: Parts): EvidenceFor & Tickets {
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
  const subjects: SubjectTrailContext = { ...trails, trees: new SubjectTrees(readModel) };
  const headOf = async (origin: string): Promise<TreeHead> => {
    const log = await readModel.log(origin);
    if (log === undefined) throw new QuanjiError("NOT_FOUND", "there is no such log", { field: "log" });
    return { size: log.size, root: parseHash(log.root) };
  };
  const ledgerNow = async (): Promise<number> => environment.clock() + (await readModel.clockOffsetMs());
  /** By log: size of the largest checkpoint that was published. */
  const shown = new Map<string, number>();
  return {
    async ticket(record) {
      const jws = await makeReceipt(context, record, { party: "", regulator: false });
      return `${jws.protected}.${jws.payload}.${jws.signature}`;
    },
    receipt: (record, viewer) => makeReceipt(context, record, audienceOf(viewer)),
    async checkpoint(origin) {
      const signer = signerOf(context, origin);
      const head = await headOf(origin);
      const newest = await cosigned?.newest(origin);
      return newest?.size === head.size && equalBytes(newest.root, head.root) ? newest.note : signer.checkpoint(head);
    },
    async published(origin) {
      const signer = signerOf(context, origin);
      const [head, newest] = [await headOf(origin), await cosigned?.newest(origin)];
      // Until the first quorum there is none; and what was shown before it may have been larger.
      const note = newest !== undefined && newest.size >= (shown.get(origin) ?? 0) ? newest : undefined;
      shown.set(origin, note?.size ?? head.size);
      return note?.note ?? signer.checkpoint(head);
    },
    cosigned: async ({ log, record }, waitMs, signal) =>
      (await cosigned?.awaited(log, record, waitMs, signal)) ?? false,
    subjectTrail: (query, signal) => makeSubjectTrail(subjects, query, signal),
    hiddenUntil: async (record, viewer) =>
      (await hiddenBy(readModel, record, audienceOf(viewer), await ledgerNow()))?.until,
    kept: async (resource, query, viewer) => {
      const nowMs = await ledgerNow();
      const isHidden = async (record: KnownRecord): Promise<boolean> =>
        (await hiddenBy(readModel, record, audienceOf(viewer), nowMs)) !== undefined;
      return keptOf(readModel, resource, query, isHidden);
    },
    year: (query, signal) => makeYear(trails, query, signal),
    trail: (query, viewer, signal) => makeTrail(trails, query, audienceOf(viewer), signal),
  };
}

const audienceOf = ({ id, roles }: Party): Audience => ({ party: id, regulator: roles.includes("regulator") });
