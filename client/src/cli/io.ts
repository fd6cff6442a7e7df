/** What the command line has of the world. Everything it reads, writes or asks goes through here, so that tests can be it. */
import type { Fetch, Random } from "../sdk/index.js";

export interface Io {
  readonly stdout: (data: string | Uint8Array) => void;
  readonly stderr: (text: string) => void;
  /** All of standard input, as text. */
  readonly stdin: () => Promise<string>;
  /** Asks a person. Undefined where nobody sits: then nothing may depend on an answer. */
  readonly ask?: (question: string) => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** Home folder, for the configuration. */
  readonly home: string;
  /** Whether a person watches standard error: only then progress is drawn. */
  readonly watched: boolean;
  /** Ms since 1970. */
  readonly clock: () => number;
  readonly random: Random;
  readonly fetch: Fetch;
  /** Resolves when the process is asked to end; until this is called, being asked ends it at once. */
  readonly stopped: () => Promise<void>;
}
