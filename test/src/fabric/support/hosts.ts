/**
 * Hosts of a test: network namespaces on a bridge of their own, which nothing outside reaches. Each has its own loopback and
 * knows the others by name. Needs the right to make namespaces (root).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const ip = (...args: string[]): void => void execFileSync("ip", args, { stdio: "pipe" });

const NAMES = "/etc/netns";

/** This process on the hosts' bridge. */
const HERE = "10.77.0.254";
const OUTSIDE = `quanji${process.pid}`;

/** Whether this process may make namespaces. */
export function mayMakeHosts(): boolean {
  const trial = `quanji-trial-${process.pid}`;
  try {
    ip("netns", "add", trial);
    ip("netns", "del", trial);
    return true;
  } catch {
    return false; // the suite says that it is skipped, and why
  }
}

export class Hosts implements Disposable {
  readonly #names: readonly string[];
  readonly #switch = `quanji-${process.pid}-switch`;
  #outside = false;

  /** @param names host names; `<first label>` names the namespace */
  constructor(names: readonly string[]) {
    this.#names = names;
    const known = names.map((name, index) => `10.77.0.${index + 1} ${name}\n`).join("");
    ip("netns", "add", this.#switch);
    ip("-n", this.#switch, "link", "add", "bridge", "type", "bridge");
    ip("-n", this.#switch, "link", "set", "bridge", "up");
    names.forEach((name, index) => {
      const space = this.#space(name);
      ip("netns", "add", space);
      ip("-n", this.#switch, "link", "add", this.#port(name), "type", "veth", "peer", "name", "eth0", "netns", space);
      ip("-n", this.#switch, "link", "set", this.#port(name), "master", "bridge", "up");
      ip("-n", space, "link", "set", "lo", "up");
      ip("-n", space, "address", "add", `10.77.0.${index + 1}/24`, "dev", "eth0");
      ip("-n", space, "link", "set", "eth0", "up");
      mkdirSync(path.join(NAMES, space), { recursive: true });
      writeFileSync(path.join(NAMES, space, "hosts"), `127.0.0.1 localhost\n${known}`);
    });
  }

  addressOf(name: string): string {
    return `10.77.0.${this.#names.indexOf(name) + 1}`;
  }

  /** Lets this process reach them, by address. @returns where they reach this process */
  reachFromHere(): string {
    ip("link", "add", OUTSIDE, "type", "veth", "peer", "name", "outside", "netns", this.#switch);
    this.#outside = true;
    ip("-n", this.#switch, "link", "set", "outside", "master", "bridge", "up");
    ip("address", "add", `${HERE}/24`, "dev", OUTSIDE);
    ip("link", "set", OUTSIDE, "up");
    return HERE;
  }

  /** Begins a command line that runs on a host. */
  on(name: string): readonly string[] {
    return ["ip", "netns", "exec", this.#space(name)];
  }

  /** Runs a command on a host. @returns what it printed. */
  run(name: string, env: Readonly<Record<string, string>>, ...command: string[]): string {
    const [file = "", ...args] = [...this.on(name), ...command];
    return execFileSync(file, args, { env: { ...process.env, ...env }, encoding: "utf8", stdio: "pipe" });
  }

  /** Pulls the plug of a host: it runs on, and hears nobody. */
  cut(name: string): void {
    ip("-n", this.#switch, "link", "set", this.#port(name), "down");
  }

  heal(name: string): void {
    ip("-n", this.#switch, "link", "set", this.#port(name), "up");
  }

  [Symbol.dispose](): void {
    if (this.#outside) ip("link", "del", OUTSIDE);
    for (const space of [...this.#names.map((name) => this.#space(name)), this.#switch]) {
      ip("netns", "del", space);
      rmSync(path.join(NAMES, space), { recursive: true, force: true });
    }
  }

  #space(name: string): string {
    return `quanji-${process.pid}-${this.#port(name)}`;
  }

  #port(name: string): string {
    return name.split(".")[0] ?? name;
  }
}
