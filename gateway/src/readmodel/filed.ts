/** Under which names objects are found beside their ids: a contract under its parties, a product under what it is made from. */
import { namedIn, type PublicDocument, type Resource, signatoriesOf, splitVersion } from "@quanji/chaincode/domain";
import { DECODE } from "./decode.js";
import { type Found, KEYS } from "./layout.js";
import type { Changes } from "./store.js";

/** What is filed is never taken out: a product that names a parent no more was made from it all the same. */
const file = (changes: Changes, what: Found, names: Iterable<string>, id: string): void => {
  for (const name of new Set(names)) changes.put(KEYS.found(what, name, id), "");
};

/** Of public state. */
export function fileOpen(changes: Changes, key: string, text: string): void {
  if (key.startsWith("resource/")) fileResource(changes, DECODE.resource(text));
  else if (key.startsWith("attestation/")) {
    const { id, subject } = DECODE.attestation(text);
    file(changes, "attestation", [subject, splitVersion(subject).id], id);
  } else if (key.startsWith("document/")) fileDocument(changes, DECODE.document(text));
}

/** A revoked certificate never holds again, and no other takes its place in the list. */
function fileDocument(changes: Changes, { kind, state, issuer, statusIndex }: PublicDocument): void {
  if (kind !== "certificate" || state !== "revoked" || statusIndex === undefined) return;
  changes.put(KEYS.revoked(issuer, statusIndex), "");
}

function fileResource(changes: Changes, { id, lineage = [] }: Resource): void {
  file(
    changes,
    "derived",
    lineage.map((parent) => splitVersion(parent.resource).id),
    id,
  );
}

/** Of this organisation's collection. */
export function fileOwn(changes: Changes, key: string, text: string): void {
  if (key.startsWith("grant/")) {
    const { id, resource } = DECODE.grant(text);
    file(changes, "grantOn", [splitVersion(resource).id], id);
  } else if (key.startsWith("offer/")) {
    const { id, resource } = DECODE.offer(text);
    file(changes, "offer", [splitVersion(resource).id], id);
  } else if (key.startsWith("contract/")) {
    const { id, versions } = DECODE.contract(text);
    const named = versions.flatMap(({ terms }) => [
      ...signatoriesOf(terms),
      ...namedIn(terms.payees).parties,
      ...(terms.measurer === undefined ? [] : [terms.measurer]),
    ]);
    file(changes, "contract", named, id);
  }
}
