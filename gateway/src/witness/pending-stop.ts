/** Whether a stop of a grant stands on the ledger and is not in the grant's command chain yet. */
import { stopDigest, type StopState } from "@quanji/chaincode/domain";
import type { ChainKey } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import type { WitnessView } from "../ledger/ledger.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";

/**
 * @param n entries of the grant's chain in the view.
 * A stop that can never be folded (the epoch is over, or the signer is not the grantor) says nothing, and keeps no note back: else a stray value could hide a grant's trail for ever.
 */
export async function hasPendingStop(
  index: LedgerIndex,
  view: WitnessView,
  { id, ...scope }: ChainKey,
  n: number,
): Promise<boolean> {
  const text = await view.get(publicKeys.stop(stopDigest(id)));
  const { stop, epoch } = text === undefined ? {} : (JSON.parse(text) as StopState);
  const grant = await index.grant(id);
  if (stop === undefined || grant === undefined) return false;
  const known = await index.command(stop.request);
  const place = known?.stored.chains.find((chain) => chain.scope === scope.scope && chain.id === id);
  // The index may be ahead of the view: folded since then is not folded then.
  if (place !== undefined) return place.n > n;
  return stop.signer === grant.grantor && epoch === grant.epoch;
}
