/** What page and worker say to each other. */
import type { DocumentVerdict, Verdict } from "@quanji/client/verify";

/** The trust file as the person gave it; the worker opens it for each job, by the clock of then. */
export interface GivenTrust {
  readonly text: string;
  /** As it was told another way; undefined if it was not. */
  readonly digest: string | undefined;
}

/** A status list that was found good when it was given; the worker opens it again for each certificate that it is about. */
export interface GivenList {
  readonly url: string;
  readonly text: string;
}

/** Without a file: open the trust file and say what it is. */
export interface Job {
  readonly id: number;
  readonly trust: GivenTrust;
  /** The newest last. */
  readonly lists: readonly GivenList[];
  readonly file?: File;
}

/** What a status list says of itself. */
export interface ListFacts {
  readonly issuer: string;
  readonly url: string;
  readonly gateway: string;
  readonly validFrom: string;
  readonly validUntil: string;
  readonly trustDigest: string;
}

/** What a person should see of a trust file before relying on it. */
export interface TrustFacts {
  readonly digest: string;
  readonly net: string;
  readonly version: number;
  readonly expires: string;
}

/** A fault of the file or of the machine, or a trust file that is refused: no verdict. */
export interface Fault {
  readonly code?: string;
  readonly detail?: string;
  readonly message: string;
}

export type Answer = { readonly id: number } & (
  | { readonly type: "progress"; readonly records: number; readonly bytes: number }
  | { readonly type: "trust"; readonly facts: TrustFacts }
  | { readonly type: "verdict"; readonly verdict: Verdict }
  | { readonly type: "document"; readonly verdict: DocumentVerdict }
  | { readonly type: "list"; readonly list: GivenList; readonly facts: ListFacts }
  | { readonly type: "fault"; readonly fault: Fault }
);
