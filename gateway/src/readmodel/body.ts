/** What a record's body says. It comes from the chaincode and was hashed into its leaf, so it is trusted here. */
import type { Body } from "@quanji/chaincode/domain";
import type { StoredRecord } from "@quanji/chaincode/world";

/** An access's body is asked for by index, recorder, receipt and delivery within a moment: parsed once for all of them. */
const parsed = new WeakMap<StoredRecord, Body>();

export function bodyOf({ stored }: { readonly stored: StoredRecord }): Body {
  let body = parsed.get(stored);
  if (body === undefined) {
    body = JSON.parse(stored.body) as Body;
    parsed.set(stored, body);
  }
  return body;
}
