/** One transaction at random: a command or a batch, as its makers make it. */
import { batchAtRandom } from "./batches.js";
import { type CommandVerb, MAKERS } from "./drafts.js";
import { MARKET_MAKERS } from "./market-drafts.js";
import type { Scene } from "./scene.js";
import { type Sending, sendingOf } from "./signing.js";

const VERBS = Object.keys(MAKERS) as CommandVerb[];
/** Grants are what everything else is about, and have the most states. */
const GRANTS = VERBS.filter((verb) => verb.startsWith("grant."));
/** What is done to records afterwards: few verbs, each with many ways to be refused. */
const RECORDS = VERBS.filter((verb) => verb.startsWith("record."));

/** Each rests on others: a contract on an offer, that one on attestations. */
const MARKET = Object.keys(MARKET_MAKERS) as CommandVerb[];

export function sendingAtRandom(scene: Scene): Sending {
  const { dice } = scene;
  for (;;) {
    if (dice.once(4)) {
      const batch = batchAtRandom(scene);
      if (batch !== undefined) return batch;
    }
    if (dice.once(20)) return foldAtRandom(scene);
    const verb = dice.one(dice.once(3) ? GRANTS : dice.once(8) ? RECORDS : dice.once(4) ? MARKET : VERBS);
    const draft = MAKERS[verb](scene);
    if (draft !== undefined) return sendingOf(scene, verb, draft);
  }
}

/** Folds need no signature but the stop's own. */
function foldAtRandom(scene: Scene): Sending {
  const waiting = scene.likely(
    scene.grants(),
    ({ grant, stop }) => stop?.stop !== undefined && grant.state === "active",
  );
  const msp = waiting?.msp ?? "HolderMSP";
  const transient = { grant: waiting?.grant.id ?? "none" };
  return { msp, request: { name: "grants:fold", args: ['{"gateway":"holder"}'], transient } };
}
