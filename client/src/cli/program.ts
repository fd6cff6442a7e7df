/** How commands are declared: commander's tree, our options, one way to run them. */
import { Command } from "commander";
import { Context } from "./context.js";
import type { Io } from "./io.js";
import { type Lang, word, type WORDS } from "./messages.js";
import { Options } from "./options.js";
import type { Result } from "./output.js";

export interface Runtime {
  readonly io: Io;
  readonly lang: Lang;
  /** Receives what a command ends with. */
  readonly report: (result: Result, json: boolean) => void;
}

export type Handler = (context: Context, args: readonly string[], options: Options) => Promise<Result>;

const TITLES: Readonly<Record<string, keyof typeof WORDS>> = {
  "Usage:": "usage",
  "Options:": "options",
  "Commands:": "commands",
  "Arguments:": "arguments",
};

export function configured(command: Command, { io, lang }: Pick<Runtime, "io" | "lang">): Command {
  return command
    .exitOverride()
    .showHelpAfterError("(add --help to see how it is used)")
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: (text) => io.stderr(text) })
    .configureHelp({
      styleTitle: (title) => {
        const name = TITLES[title];
        return name === undefined ? title : word(name, lang);
      },
    });
}

export interface Declaration {
  /** `request <resource>` */
  readonly usage: string;
  readonly summary: string;
  /** Flag and what it says; a flag that ends in `...` may be repeated. */
  readonly options?: readonly (readonly [flags: string, description: string])[];
  /** Without the leading `quanji`. */
  readonly examples: readonly string[];
  readonly run: Handler;
}

/** Adds commands to a parent. */
export function declare(parent: Command, runtime: Runtime, declarations: readonly Declaration[]): void {
  for (const { usage, summary, options = [], examples, run } of declarations) {
    const command = configured(parent.command(usage), runtime).description(summary);
    for (const [flags, description] of options) addOption(command, flags, description);
    command.addHelpText("after", `\n${word("globals", runtime.lang)}${examplesText(examples, runtime.lang)}`);
    command.action(async (...all: readonly unknown[]) => {
      const self = all.at(-1);
      if (!(self instanceof Command)) throw new TypeError("commander ends an action's arguments with the command");
      const flags: Readonly<Record<string, unknown>> = self.optsWithGlobals();
      const context = new Context(runtime.io, flags, runtime.lang);
      try {
        runtime.report(
          await run(context, argumentsOf(all.slice(0, -2)), new Options(self.opts())),
          flags["json"] === true,
        );
      } finally {
        await context.close();
      }
    });
  }
}

function addOption(command: Command, flags: string, description: string): void {
  if (!flags.endsWith("...")) {
    command.option(flags, description);
    return;
  }
  const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
    ...(before ?? []),
    value,
  ];
  command.option(flags.slice(0, -"...".length), `${description}; may be repeated`, collect);
}

/** Optional arguments that are not given are empty; a variadic one is spread. */
const argumentsOf = (all: readonly unknown[]): readonly string[] =>
  all
    .flatMap((value) => (Array.isArray(value) ? (value as readonly unknown[]) : [value]))
    .map((value) => (typeof value === "string" ? value : ""));

/** A group of commands such as `grant`. */
export function group(parent: Command, runtime: Runtime, name: string, summary: string): Command {
  return configured(parent.command(name), runtime).description(summary);
}

export const examplesText = (examples: readonly string[], lang: Lang): string =>
  `\n${word("examples", lang)}\n${examples.map((example) => `  quanji ${example}`).join("\n")}`;
