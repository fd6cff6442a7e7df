/** The labels of a story as the ids that they stand for: the same on either ledger, so that its ends can be compared. */
import { hash } from "node:crypto";

/** G1, C4 and so on: a UUID that follows from the story and the label. A test's own; a real one must not be guessable. */
export function labelled(story: string, label: string): string {
  const hex = hash("sha256", `quanji story ${story} ${label}`, "hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
