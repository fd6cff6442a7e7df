/** The witnesses of a gateway: asked for cosignatures after each batch, and for head notes with each trail. */
import path from "node:path";
import { NOTE_TYPES, parseHash, parseVkey } from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { openTrust, verifyCheckpoint } from "@quanji/client/verify";
import { quorumOf } from "../config/index.js";
import { Cosigning } from "../cosigning/cosigning.js";
import { Courier } from "../cosigning/courier.js";
import { HeadGatherer } from "../cosigning/heads.js";
import { CosignedStore } from "../cosigning/store.js";
import { Thinner } from "../cosigning/thinning.js";
import { WitnessClient } from "../cosigning/witness-client.js";
import type { Metrics } from "../http/index.js";
import { rest } from "../recorder/pause.js";
import type { LogSigner } from "../witness/log-signer.js";
import { EvidenceFolder } from "../witness/process/evidence-folder.js";
import type { Closers } from "./closers.js";
import type { Foundation } from "./foundation.js";

export interface Witnesses {
  readonly cosigning: Cosigning;
  readonly heads: HeadGatherer;
}

/** A witness looks into its own peer, which may be some blocks behind, before it answers. */
const ANSWER_MS = 5_000;
/** As often as a witness signs again of its own accord. */
const REFRESH_MS = 60_000;

/** Undefined where none are configured. */
export async function openWitnesses(
  foundation: Foundation,
  logs: readonly LogSigner[],
  metrics: Metrics,
  closers: Closers,
): Promise<Witnesses | undefined> {
  const { config, environment, keys, readModel, clock, trust, log } = foundation;
  if (config.witnesses.length === 0) return undefined;
  // The level of a receipt is what its reader will find by the very trust file that this gateway hands out.
  const opened = await openTrust(trust.text, { now: clock.now() });
  const store = await CosignedStore.open({
    folder: path.join(config.data, "cosigned"),
    levelOf: async (note, origin) => (await verifyCheckpoint(note, origin, { ...opened, nowMs: clock.now() })).level,
  });
  const cosigning = closers.add(new Cosigning(store), (open) => open.close());
  const thinner = closers.add(
    new Thinner({
      store,
      clock: clock.now,
      rest,
      report: (error) => log.fault("old cosigned checkpoints are not thinned", error),
    }),
    (open) => open.close(),
  );
  thinner.start();
  const evidence = await EvidenceFolder.open(path.join(config.data, "evidence"));
  const verify = nodeVerifier();
  const fetch = environment.fetch ?? globalThis.fetch;
  const members = config.witnesses.map(({ url, ...rest }) => ({
    ...rest,
    witness: new WitnessClient({ url, fetch, timeoutMs: ANSWER_MS }),
  }));
  cosigning.start(
    members.map(
      ({ organisation, vkey, witness }) =>
        new Courier({
          witness,
          key: parseVkey(vkey, NOTE_TYPES.cosignature),
          logs,
          async head(origin) {
            const state = await readModel.log(origin);
            return state === undefined ? undefined : { size: state.size, root: parseHash(state.root) };
          },
          node: (origin) => (level, index) => readModel.node(origin, level, index),
          clock: clock.now,
          verify,
          pause: rest,
          refreshMs: REFRESH_MS,
          compareMs: config.limits.compareMs,
          async publish(fork) {
            const file = await evidence.keep(fork);
            log.fault(
              `the witness of ${organisation} has signed two histories: ${file ?? "the folder is full"}`,
              undefined,
            );
          },
          async keep(checkpoint, cosignature) {
            if (await store.add(checkpoint, cosignature)) cosigning.reached();
          },
          asked: (outcome) => metrics.witnessAsked(organisation, "checkpoint", outcome),
          report: (outcome, error) => log.fault(`the witness of ${organisation} does not cosign: ${outcome}`, error),
        }),
    ),
  );
  const heads = new HeadGatherer({
    witnesses: members.map(({ organisation, witness, headsKey, absence }) => ({
      organisation,
      witness,
      absence,
      headsKey: parseVkey(headsKey, NOTE_TYPES.ed25519),
    })),
    quorum: quorumOf(config),
    signer: keys.heads,
    verify,
    secret: () => readModel.blindingSecret(),
    asked: (organisation, outcome) => metrics.witnessAsked(organisation, "heads", outcome),
    report: (organisation, error) => log.fault(`the witness of ${organisation} does not state heads`, error),
  });
  return { cosigning, heads };
}
