/** Who signed a document: a key of the party that issued it, which counted when the ledger took the document's digest. */
import { keyIsValid, keyOf, msOf, type Party } from "@quanji/chaincode/domain";
import { partyOf, thumbprintOf } from "@quanji/chaincode/log";
import type { SignedDocument } from "../../documents/index.js";
import { verifyJws } from "../requester.js";
import type { Timeline } from "../timeline.js";
import { refuse } from "../verdict.js";

/**
 * `time`: when the ledger took the digest. With `anchored` false nothing but the document says when it was signed, so a key that
 * was ever reported compromised proves nothing.
 * Errors: KEY_PARTY, CHAIN_MISSING, KEY_REVOKED, KEY_COMPROMISED_UNANCHORED, ALG_FORBIDDEN, SIGNATURE_INVALID.
 */
export async function verifyIssuer(
  document: SignedDocument,
  issuer: string,
  time: string,
  parties: ReadonlyMap<string, Timeline<Party>>,
  anchored: boolean,
): Promise<void> {
  const { kid } = document.header;
  if (partyOf(kid) !== issuer)
    refuse("KEY_PARTY", "the document is signed by another party than the one that issued it");
  const timeline = parties.get(issuer);
  if (timeline?.last === undefined)
    return refuse("CHAIN_MISSING", "the chain of the document's issuer is not in the file");
  const print = thumbprintOf(kid);
  const last = keyOf(timeline.last, print);
  if (last === undefined) return refuse("KEY_PARTY", "the issuer never had the key that signed");
  await verifyJws({ ...document, signed: document.signingInput }, last.jwk);
  if (!anchored && last.compromisedSince !== undefined) {
    refuse(
      "KEY_COMPROMISED_UNANCHORED",
      "the key was reported compromised, and nothing proves that the document is older",
    );
  }
  const ms = msOf(time);
  const counted = [...timeline.around(ms, ms)].some((state) => {
    const key = keyOf(state, print);
    return state.state === "active" && key !== undefined && keyIsValid(key, ms);
  });
  if (!counted) refuse("KEY_REVOKED", "the key was not valid when the document was issued");
}
