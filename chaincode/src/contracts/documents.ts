/** Public look-up of documents, and the places of status lists. Nothing of what a document says stands here. */
import { changed, type CommandFacts, type PublicDocument, QuanjiError } from "../domain/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";

type Named = Pick<PublicDocument, "digest"> & { readonly code: string };

/** Errors: STATE_CONFLICT: the code is used. */
export async function issueDocument(
  state: State,
  { code, digest }: Named,
  what: Pick<PublicDocument, "kind" | "state"> & { readonly statusIndex?: number },
  facts: CommandFacts,
): Promise<void> {
  if ((await state.document(code)) !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", "a document has that code: take another", { field: "code" });
  }
  const document: PublicDocument = {
    v: "quanji.document.v1",
    digest,
    issuer: facts.signer,
    at: changed(facts),
    ...what,
  };
  await state.put(publicKeys.document(code), document);
}

export async function markDocument(
  state: State,
  code: string,
  next: PublicDocument["state"],
  facts: CommandFacts,
): Promise<void> {
  const document = await state.document(code);
  if (document === undefined) throw new QuanjiError("EVIDENCE_MISSING", "there is no such document", { field: "code" });
  await state.put(publicKeys.document(code), { ...document, state: next, since: changed(facts) });
}

/** Errors: STATE_CONFLICT: another place is the issuer's next. */
export async function takeStatus(state: State, issuer: string, statusIndex: number): Promise<void> {
  const next = (await state.statuses(issuer))?.next ?? 0;
  if (next !== statusIndex) {
    throw new QuanjiError("STATE_CONFLICT", `the next place of your status list is ${next}`, {
      field: "statusIndex",
      detail: String(next),
    });
  }
  await state.put(publicKeys.statuses(issuer), { next: next + 1 });
}
