import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Command } from "commander";
import {
  fileSink,
  Monitor,
  type Notice,
  parseWebhook,
  type Place,
  type Round,
  type Sink,
  webhookSink,
} from "../../monitor/index.js";
import { type Client, DEADLINES, openSigner, type Signer, signatureVerifier } from "../../sdk/index.js";
import { loadNetwork, parseAddress } from "../../sdk/network.js";
import type { OpenedTrust } from "../../verify/index.js";
import type { Context } from "../context.js";
import { EXIT } from "../failure.js";
import { assertWritable, unwritable } from "../files.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, type Runtime } from "../program.js";
import { gatewayTiles, sourcesOf } from "../tile-sources.js";
import { harmless } from "../width.js";

const EVERY_S = 2;
const UNREACHABLE_S = 300;

export function monitorCommand(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "monitor",
      summary:
        "Follow the trust file's logs, check that each contains all that was ever seen of it, watch uses of your data and grants, and tell of them. Exit code of --once: 0 all is well; 1 an alarm stands; 3 somebody was not reached.",
      options: [
        ["--once", "look once, deliver, and end (default: until SIGINT or SIGTERM)"],
        ["--state <folder>", "what was seen (default: monitor beside the configuration file); made if it is not there"],
        ["--notify <file|url>...", "append notices to a file, or post them to a webhook, signed with --key"],
        ["--notify-private", "webhooks may have loopback and private addresses, and http"],
        [
          "--receipts <folder>",
          "receipts that you hold: files called *.receipt.json (default: receipts beside the configuration file)",
        ],
        ["--tiles <url|folder>...", "where the logs are served (default: their gateways)"],
        ["--every <seconds>", `pause between two looks (default: ${EVERY_S})`],
        ["--unreachable <seconds>", `silence that is an alarm (default: ${UNREACHABLE_S})`],
      ],
      examples: [
        "monitor --trust trust.json --key bureau.jwk --notify uses.ndjson",
        "monitor --trust trust.json --key bureau.jwk --notify https://hooks.example/quanji",
        "monitor --trust trust.json --once --json",
      ],
      run: monitor,
    },
  ]);
}

async function monitor(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const everyMs = seconds(options, "every", "--every", EVERY_S);
  const unreachableMs = seconds(options, "unreachable", "--unreachable", UNREACHABLE_S);
  const trust = await context.trust();
  if (trust === undefined) throw new UsageError("which logs, under which keys? give --trust FILE");
  const gateway = parseAddress(await context.gateway());
  const keyed = (await context.namedKey()) !== undefined;
  const signer = keyed ? await signerOf(context) : undefined;
  const { folder: home } = await context.profile();
  const folder = context.path(options.text("state") ?? join(home, "monitor"));
  const sinks = await sinksOf(context, options, signer);
  const network = new Network(context, gateway, trust);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw unwritable(folder, cause);
    });
    const running = await Monitor.open({
      folder,
      trust,
      gateway,
      placesOf: (origin) => network.placesOf(options.many("tiles"), origin),
      ...(signer !== undefined && { client: () => network.client() }),
      receipts: context.path(options.text("receipts") ?? join(home, "receipts")),
      sinks,
      clock: () => network.nowMs(),
      unreachableMs,
      said: (notice) => context.io.stderr(`${noticeText(notice)}\n`),
      undelivered: (sink, error) =>
        context.io.stderr(`${harmless(`not delivered: ${sink}: ${error instanceof Error ? error.message : "?"}`)}\n`),
    });
    try {
      return options.flag("once") ? told(await running.round()) : await follow(context, running, everyMs);
    } finally {
      await running.close();
    }
  } finally {
    for (const sink of sinks) await sink.close();
  }
}

/** Rounds until the process is asked to end; the one in hand is ended first. */
async function follow(context: Context, running: Monitor, everyMs: number): Promise<Result> {
  const stopping = context.io.stopped().then(() => true);
  let notices = 0;
  for (let first = true; ; first = false) {
    notices += (await running.round()).notices.length;
    if (first) context.io.stderr("ready: following\n");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const pause = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), everyMs);
    });
    const ended = await Promise.race([stopping, pause]);
    clearTimeout(timer);
    if (ended) return { json: { notices }, text: "" };
  }
}

function told({ notices, logs, alarms, unreachable, undelivered }: Round): Result {
  const ok = alarms.length === 0 && unreachable.length === 0 && undelivered.length === 0;
  const exitCode = alarms.length > 0 ? EXIT.refused : ok ? EXIT.ok : EXIT.unreachable;
  const lines = Object.entries(logs).map(([log, size]) => `${log} ${size}`);
  const standing = alarms.map(({ code, about }) => `${code} ${about}`);
  return {
    json: { ok, logs, notices, alarms, unreachable, undelivered },
    text: pairs({ logs: lines, notices: notices.length, alarms: standing, unreachable, undelivered }),
    exitCode,
  };
}

function noticeText(notice: Notice): string {
  switch (notice.kind) {
    case "use": {
      const { type, rule, outcome, requester, resource, concerns, verified } = notice;
      const what = type === "access" ? (rule ?? "") : `delivery ${outcome ?? ""}`;
      return harmless(
        `use ${notice.time} ${what} ${resource} by ${requester} (${concerns})${verified ? "" : " not verified"}`,
      );
    }
    case "alarm":
      return harmless(
        `ALARM ${notice.code}${notice.detail === undefined ? "" : ` · ${notice.detail}`}: ${notice.message}${notice.evidence === undefined ? "" : ` (${notice.evidence})`}`,
      );
    case "cleared":
      return harmless(`over ${notice.code}: ${notice.about}`);
  }
}

function seconds(options: Options, name: string, flag: string, usual: number): number {
  const value = options.count(name, flag) ?? usual;
  if (value < 1 || value > 86_400) throw new UsageError(`${flag} is from 1 to 86400 seconds`);
  return value * 1000;
}

async function signerOf(context: Context): Promise<Signer> {
  const { jwk, party } = await context.key();
  if (party === undefined) throw new UsageError("the key belongs to no party yet: quanji party register");
  return openSigner({ jwk, party });
}

async function sinksOf(context: Context, options: Options, signer: Signer | undefined): Promise<readonly Sink[]> {
  const named = options.many("notify");
  const allowPrivate = options.flag("notifyPrivate");
  const isUrl = (name: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(name);
  // All of them are looked at before the first is opened.
  for (const name of named) {
    if (!isUrl(name)) {
      await assertWritable(context, name, "--notify");
      continue;
    }
    parseWebhook(name, allowPrivate);
    if (signer === undefined) throw new UsageError("a webhook's notices are signed: give --key FILE");
  }
  const sinks: Sink[] = [];
  for (const url of named) {
    const path = context.path(url);
    if (!isUrl(url))
      sinks.push(await fileSink(path).catch((cause: unknown) => Promise.reject(unwritable(path, cause))));
    else if (signer !== undefined) sinks.push(webhookSink({ url, signer, allowPrivate }));
  }
  return sinks;
}

/** What is known of the gateway, asked for when it is first needed, and again until it answers. */
class Network {
  readonly #context: Context;
  readonly #gateway: string;
  readonly #trust: OpenedTrust;
  #known: { readonly name: string; readonly offsetMs: number } | undefined;

  constructor(context: Context, gateway: string, trust: OpenedTrust) {
    this.#context = context;
    this.#gateway = gateway;
    this.#trust = trust;
  }

  /** Ledger time, as far as is known. */
  nowMs(): number {
    return this.#context.io.clock() + (this.#known?.offsetMs ?? 0);
  }

  client(): Promise<Client> {
    return this.#context.client();
  }

  /** A log is followed where its own gateway serves it, unless copies are named. */
  async placesOf(copies: readonly string[], origin: string): Promise<readonly Place[]> {
    if (copies.length > 0) {
      const sources = await sourcesOf(this.#context, copies, origin);
      return sources.map((source, i) => ({ name: copies[i] ?? "", source }));
    }
    const { name } = await this.#load();
    const row = this.#trust.gateways.find(({ log }) => log === origin);
    const address = row === undefined || row.name === name ? this.#gateway : row.publicUrl;
    return [{ name: address, source: gatewayTiles(this.#context, address, origin) }];
  }

  async #load(): Promise<{ readonly name: string }> {
    if (this.#known === undefined) {
      const { clock, fetch } = this.#context.io;
      const { network, gateway } = await loadNetwork({
        address: this.#gateway,
        fetch,
        verify: signatureVerifier(),
        deadlines: DEADLINES,
        nowMs: clock(),
        trust: this.#trust,
      });
      this.#known = { name: gateway.name, offsetMs: network.offsetMs };
    }
    return this.#known;
  }
}
