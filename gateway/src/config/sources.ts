/** The bindings in force: read from the configuration file again when it has changed, without a restart. */
import { stat } from "node:fs/promises";
import { type Binding, parseBindings } from "../delivery/index.js";
import { readConfigFile } from "./config.js";

export interface LiveSourcesOptions {
  readonly file: string;
  readonly clock: () => number;
  /** Told why a changed file was not taken over; the bindings before it stay in force. */
  readonly report: (error: unknown) => void;
}

/** How often the file's time is looked at, at most. */
const LOOK_MS = 1_000;

export class LiveSources {
  readonly #options: LiveSourcesOptions;
  #bindings: readonly Binding[] = [];
  /** Time and size of the file that was read; empty if there was none. */
  #stamp = "";
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<readonly Binding[]> | undefined;

  private constructor(options: LiveSourcesOptions) {
    this.#options = options;
  }

  /** Errors: CONFIG_INVALID naming the member, `sources[1].path`. */
  static async open(options: LiveSourcesOptions): Promise<LiveSources> {
    const live = new LiveSources(options);
    await live.#read();
    return live;
  }

  /**
   * Never rejects: a file that is being edited must not stop deliveries that were bound before. `now`: looks at the file
   * however short ago it was looked at, for a caller that misses a binding.
   */
  async current(now = false): Promise<readonly Binding[]> {
    if (!now && this.#options.clock() - this.#lookedMs < LOOK_MS) return this.#bindings;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<readonly Binding[]> {
    try {
      await this.#read();
    } catch (error) {
      this.#options.report(error);
    }
    return this.#bindings;
  }

  async #read(): Promise<void> {
    const { file, clock } = this.#options;
    this.#lookedMs = clock();
    const stamp = await stampOf(file);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp; // also if it turns out damaged: it is reported once, and read again when it changes
    const { sources } = (await readConfigFile(file)) as { readonly sources?: unknown };
    this.#bindings = parseBindings(sources ?? []);
  }
}

const stampOf = (file: string): Promise<string> =>
  stat(file, { bigint: true }).then(
    ({ mtimeNs, size, ino }) => `${mtimeNs} ${size} ${ino}`,
    () => "",
  );
