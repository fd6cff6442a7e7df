/** What page and worker say to each other. */
import type { Verdict } from "@quanji/client/verify";

/** The trust file as the person gave it; the worker opens it, and keeps it opened while it stays the same. */
export interface GivenTrust {
  readonly text: string;
  /** As it was told another way; undefined if it was not. */
  readonly digest: string | undefined;
}

/** Without a file: open the trust file and say what it is. */
export interface Job {
  readonly id: number;
  readonly trust: GivenTrust;
  readonly file?: File;
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
  | { readonly type: "fault"; readonly fault: Fault }
);
