/** Flags as typed values. Errors here are usage errors: exit code 2. */
import { assertPartyId } from "@quanji/chaincode/domain";

/** What was typed cannot be meant: the command line says how it is used. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** The flags of one command. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  required(name: string, flag: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw new UsageError(`${flag} is needed`);
    return value;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** `a,b,c` */
  list(name: string): readonly string[] | undefined {
    return this.text(name)
      ?.split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }

  /** A flag that may be repeated. */
  many(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
  }

  count(name: string, flag: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : toCount(text, flag);
  }

  oneOf<T extends string>(name: string, flag: string, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : toOneOf(text, flag, allowed);
  }
}

export function toCount(text: string, what: string): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || !Number.isSafeInteger(value))
    throw new UsageError(`${what} is a whole number, not ${text}`);
  return value;
}

export function toOneOf<T extends string>(text: string, what: string, allowed: readonly T[]): T {
  const value = allowed.find((item) => item === text);
  if (value === undefined) throw new UsageError(`${what} is one of ${allowed.join(", ")}`);
  return value;
}

/** `2026-01-01/2026-02-01` */
export function toRange(text: string, what: string): { readonly from: string; readonly to: string } {
  const [from, to, ...rest] = text.split("/");
  if (from === undefined || from === "" || to === undefined || to === "" || rest.length > 0) {
    throw new UsageError(`${what} looks like 2026-01-01/2026-02-01`);
  }
  return { from, to };
}

/** A day or a time, as an instant: days begin at midnight UTC here, and a time may leave out its milliseconds. */
export function toInstant(text: string, what: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || !/^\d{4}-\d{2}-\d{2}/.test(text))
    throw new UsageError(`${what} looks like 2026-03-02T01:00:00Z`);
  return new Date(ms).toISOString();
}

/** Errors: usage, with the two forms that an id has. */
export function toPartyId(text: string, what: string): string {
  try {
    assertPartyId(text);
    return text;
  } catch {
    throw new UsageError(`${what} is an 18-character 统一社会信用代码 with its check character, or urn:…; not ${text}`);
  }
}

export function toJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${what} is not JSON: ${cause instanceof Error ? cause.message : "unknown reason"}`);
  }
}
