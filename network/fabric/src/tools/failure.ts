/** What went wrong with the network, said so that somebody can act on it. */
export class NetworkFailure extends Error {
  /** The process or step concerned, e.g. `peer0.holder`. */
  readonly subject: string;
  /** Where its own words are. */
  readonly log: string | undefined;
  /** What to do next. */
  readonly advice: string;

  constructor(
    subject: string,
    message: string,
    { advice, log, cause }: { advice: string; log?: string; cause?: unknown },
  ) {
    super(`${subject}: ${message}`, cause === undefined ? undefined : { cause });
    this.name = "NetworkFailure";
    this.subject = subject;
    this.log = log;
    this.advice = advice;
  }

  /** For a terminal: message, log and advice, one a line. */
  report(): string {
    return [this.message, ...(this.log === undefined ? [] : [`  log:  ${this.log}`]), `  next: ${this.advice}`].join(
      "\n",
    );
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
