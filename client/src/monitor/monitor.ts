/**
 * The monitor: round after round it looks at logs, receipts and watched keys, writes down what it found together with where it
 * stands, and only then says it. Killed anywhere, it finds the same facts again, under the same ids.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Code, defined, instant, isQuanjiError, msOf, type QuanjiError } from "@quanji/chaincode/domain";
import { sha256Text } from "@quanji/chaincode/log";
import { type Client, replaceFile } from "../sdk/index.js";
import type { OpenedTrust, TileSource } from "../verify/index.js";
import { copyOf, followLog, forkedBy, type Trouble } from "./follow.js";
import { Heads } from "./heads.js";
import { type AlarmCode, conditionOf, type Fact, idOf, type Notice, type Use } from "./notice.js";
import { receiptsIn, SERVED_WITHIN_MS, watchReceipt } from "./receipts.js";
import type { Sink } from "./sinks.js";
import { loadState, lockState, type MonitorState, saveState, type StateLock } from "./state.js";
import {
  type Cursor,
  nameOf,
  type Place as Newest,
  ownGrants,
  ownResources,
  readUses,
  type WatchedKey,
} from "./uses.js";

/** One place where a log is served. */
export interface Place {
  /** Address, for alarms. */
  readonly name: string;
  readonly source: TileSource;
}

export interface MonitorOptions {
  /** The monitor's own: one process at a time. */
  readonly folder: string;
  readonly trust: OpenedTrust;
  readonly placesOf: (origin: string) => Promise<readonly Place[]>;
  /** Address of the gateway that is asked for watched keys, and by `placesOf`. */
  readonly gateway: string;
  /** Of the party whose keys are watched; undefined: logs and receipts only. Errors: UNREACHABLE. */
  readonly client?: () => Promise<Client>;
  /** Folder of receipts that are held. */
  readonly receipts?: string;
  readonly sinks: readonly Sink[];
  /** Ms since 1970. */
  readonly clock: () => number;
  /** An address that has not answered for longer is an alarm. */
  readonly unreachableMs: number;
  /** Told of notices as soon as they are written down, and of what keeps a place of delivery from taking them. */
  readonly said?: (notice: Notice) => void;
  readonly undelivered?: (sink: string, error: unknown) => void;
}

export interface Round {
  readonly notices: readonly Notice[];
  /** Size of each log that was followed to its end. */
  readonly logs: Readonly<Record<string, number>>;
  readonly alarms: readonly { readonly code: AlarmCode; readonly about: string }[];
  /** Addresses that did not answer. */
  readonly unreachable: readonly string[];
  /** Places of delivery that have not taken everything. */
  readonly undelivered: readonly string[];
}

/** The catalogue may be long: own resources are looked for only so often. */
const RESOURCES_EVERY_MS = 300_000;
/** Trails are read at once when a log has grown; and now and then although it seems not to. */
const TRAILS_EVERY_MS = 30_000;
/** As much as a command's clock may differ from its gateway's. */
const SKEW_MS = 60_000;
/** A fork is never taken back. */
const FOR_EVER: ReadonlySet<AlarmCode> = new Set(["FORK"]);

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #state: MonitorState;
  readonly #lock: StateLock;
  readonly #heads = new Heads();
  #resources: { readonly keys: readonly WatchedKey[]; readonly untilMs: number } | undefined;
  #grants: { readonly keys: readonly WatchedKey[]; readonly untilMs: number; readonly sizes: string } | undefined;
  /** By log: the newest record that a trail has shown. */
  readonly #newest = new Map<string, Newest>();
  /** By watched key: sizes of its logs when its trail was last read to the end. */
  readonly #read = new Map<string, { readonly sizes: string; readonly untilMs: number }>();

  private constructor(options: MonitorOptions, state: MonitorState, lock: StateLock) {
    this.#options = options;
    this.#state = state;
    this.#lock = lock;
  }

  /** Errors: CONFIG_INVALID (state damaged, of another network, or · IN_USE); of the disk. */
  static async open(options: MonitorOptions): Promise<Monitor> {
    const { folder, trust, clock } = options;
    await mkdir(join(folder, "evidence"), { recursive: true, mode: 0o700 });
    const lock = await lockState(folder);
    try {
      const state = await loadState(folder, trust.trust.net, instant(clock()));
      await saveState(folder, state);
      return new Monitor(options, state, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }

  /** Looks once at everything, and delivers what there is to say. Errors: of the disk. */
  async round(): Promise<Round> {
    const draft = new Draft(this.#state, this.#options);
    const logs = await this.#followLogs(draft);
    await this.#watchReceipts(draft);
    await this.#watchKeys(draft, logs);
    await this.#compareHeads(draft);
    await this.#judgeSizes(draft, logs);
    await draft.settle();
    const notices = await draft.commit();
    for (const notice of notices) this.#options.said?.(notice);
    const undelivered = await this.#deliver();
    const { alarms, unreachable } = this.#state;
    return {
      notices,
      logs,
      alarms: Object.values(alarms).map(({ code, about }) => ({ code, about })),
      unreachable: Object.keys(unreachable),
      undelivered,
    };
  }

  async #followLogs(draft: Draft): Promise<Record<string, number>> {
    const { trust, folder, placesOf, gateway, clock } = this.#options;
    const sizes: Record<string, number> = {};
    for (const origin of trust.logs) {
      const places = await draft.asking(gateway, () => placesOf(origin));
      for (const { name, source } of places ?? []) {
        const about = `${origin} at ${name}`;
        const opened = { ...trust, nowMs: clock() };
        const before = draft.places[about] ?? 0;
        const followed = await draft.reaching(name, () =>
          followLog({ origin, trust: opened, folder: join(folder, "logs"), source, before }),
        );
        if (followed === undefined) continue;
        if (followed.size !== undefined) {
          sizes[origin] = Math.max(sizes[origin] ?? 0, followed.size);
          draft.places[about] = Math.max(before, followed.size);
        }
        await draft.judge(about, FOLLOWING, followed.troubles);
      }
    }
    return sizes;
  }

  async #watchReceipts(draft: Draft): Promise<void> {
    const { receipts, trust, folder, placesOf, gateway, clock } = this.#options;
    if (receipts === undefined) return;
    const known = this.#state.receipts;
    const files = await receiptsIn(receipts);
    for (const gone of Object.keys(known).filter((name) => !files.some(({ file }) => file === name))) {
      await draft.judge(gone, WATCHING, []);
      draft.receipts.delete(gone);
    }
    for (const held of files) {
      const { file, digest } = held;
      if (known[file]?.done === true && known[file].digest === digest) continue;
      const opened = { ...trust, nowMs: clock() };
      const watched = await draft.asking(gateway, () =>
        watchReceipt(held, opened, async (origin) => [
          ...(await placesOf(origin)).map(({ source }) => source),
          copyOf(join(folder, "logs"), origin),
        ]),
      );
      if (watched === undefined) continue;
      draft.receipts.set(file, { digest, done: watched.done });
      const { head, troubles } = watched;
      if (head !== undefined) draft.see(head);
      // A fork is the log's, whichever receipt shows it.
      const forks = troubles.filter(({ code }) => code === "FORK");
      if (head !== undefined) await draft.judge(head.log, [], forks);
      await draft.judge(
        file,
        WATCHING,
        troubles.filter(({ code }) => code !== "FORK"),
      );
    }
  }

  async #watchKeys(draft: Draft, logs: Readonly<Record<string, number>>): Promise<void> {
    const { client: connect, gateway, clock } = this.#options;
    if (connect === undefined) return;
    const client = await draft.asking(gateway, connect);
    if (client === undefined) return;
    const keys = await draft.asking(gateway, () => this.#keysOf(client, logs));
    for (const key of keys ?? []) {
      const [name, sizes] = [nameOf(key), key.logs.map((log) => logs[log])];
      const grown = JSON.stringify(sizes);
      const read = this.#read.get(name);
      // A log that is not followed, or that somebody keeps small, must not keep uses from being seen.
      if (!sizes.includes(undefined) && read?.sizes === grown && clock() < read.untilMs) continue;
      if (await this.#watchKey(draft, client, key)) {
        this.#read.set(name, { sizes: grown, untilMs: clock() + TRAILS_EVERY_MS });
      }
    }
  }

  /** Answers whether there is nothing more to read for now. */
  async #watchKey(draft: Draft, client: Client, key: WatchedKey): Promise<boolean> {
    const { gateway, trust, clock } = this.#options;
    const name = nameOf(key);
    const cursor: Cursor = this.#state.keys[name] ?? { from: this.#beginning(), next: {} };
    const seen = await draft.asking(gateway, () => readUses(client, key, cursor, { ...trust, nowMs: clock() }));
    if (seen === undefined) return false;
    for (const use of seen.uses) draft.say(use, useId(use));
    draft.keys[name] = { from: seen.cursor.from, next: { ...seen.cursor.next } };
    await draft.judge(name, READING, seen.troubles);
    for (const head of seen.heads) draft.see(head);
    for (const [log, newest] of Object.entries(seen.newest)) {
      if (newest.index > (this.#newest.get(log)?.index ?? -1)) this.#newest.set(log, newest);
    }
    return seen.whole;
  }

  /** Clocks differ: better a use of the last minute before than none of the first. */
  #beginning(): string {
    return instant(msOf(this.#state.since) - SKEW_MS);
  }

  /** What receipts and trails rest on is held against the copy; what the copy is too small for, when it has grown. */
  async #compareHeads(draft: Draft): Promise<void> {
    const { folder, trust, clock } = this.#options;
    const opened = { ...trust, nowMs: clock() };
    for (const [origin, notes] of draft.heads) {
      const copy = copyOf(join(folder, "logs"), origin);
      const { fork, left } = await this.#heads.compare(notes, copy, origin, opened);
      draft.heads.set(origin, left);
      if (fork !== undefined) await draft.judge(origin, [], [forkedBy(origin, fork)]);
    }
  }

  /** A log that is smaller than what its own trails show, and stays so. */
  async #judgeSizes(draft: Draft, logs: Readonly<Record<string, number>>): Promise<void> {
    for (const [log, { index, timeMs }] of this.#newest) {
      const size = logs[log];
      if (size === undefined) continue;
      const message = `${log} is served with ${size} records, and has ${index + 1}`;
      const late = index >= size && this.#options.clock() > timeMs + SERVED_WITHIN_MS;
      await draft.judge(log, ["CHECKPOINT_STALE"], late ? [{ code: "CHECKPOINT_STALE", message }] : []);
    }
  }

  /** A new grant's first use makes a log grow: then the list is read anew. */
  async #keysOf(client: Client, logs: Readonly<Record<string, number>>): Promise<readonly WatchedKey[]> {
    const now = this.#options.clock();
    const sizes = JSON.stringify(logs);
    if (this.#resources === undefined || this.#resources.untilMs <= now) {
      this.#resources = { keys: await ownResources(client), untilMs: now + RESOURCES_EVERY_MS };
      this.#grants = undefined;
    }
    const { keys } = this.#resources;
    if (this.#grants === undefined || this.#grants.sizes !== sizes || this.#grants.untilMs <= now) {
      this.#grants = { keys: await ownGrants(client, keys), sizes, untilMs: now + TRAILS_EVERY_MS };
    }
    return [...keys, ...this.#grants.keys];
  }

  /** Each place of delivery on its own: one that is down keeps nothing from the others. */
  async #deliver(): Promise<readonly string[]> {
    const { sinks, folder, undelivered } = this.#options;
    const state = this.#state;
    const behind: string[] = [];
    const before = JSON.stringify([state.delivered, state.outbox.length]);
    for (const sink of sinks) {
      try {
        for (const notice of state.outbox) {
          if (notice.seq <= (state.delivered[sink.name] ?? 0)) continue;
          await sink.deliver(notice);
          state.delivered[sink.name] = notice.seq;
        }
      } catch (error) {
        behind.push(sink.name);
        undelivered?.(sink.name, error);
      }
    }
    const taken = Math.min(...sinks.map(({ name }) => state.delivered[name] ?? 0));
    state.outbox = state.outbox.filter(({ seq }) => seq > taken);
    if (JSON.stringify([state.delivered, state.outbox.length]) !== before) await saveState(folder, state);
    return behind;
  }
}

const FOLLOWING: readonly AlarmCode[] = ["CHECKPOINT_REFUSED", "TILES_REFUSED", "LOG_SHRUNK"];
const WATCHING: readonly AlarmCode[] = ["RECEIPT_REFUSED", "RECEIPT_NOT_COSIGNED", "CHECKPOINT_STALE"];
const READING: readonly AlarmCode[] = ["TRAIL_REFUSED"];

/** What may be had later: the gateway is behind, busy, or its answer got lost; or the key is gone. */
const PASSING: ReadonlySet<Code> = new Set(["BEHIND", "LIMITED", "NOT_FOUND", "TIMEOUT"]);

/** A record stands at one place of one log, whoever tells of it. */
const useId = ({ log, index }: Use): string => idOf(["use", log, index]);

/** What a round has found. The state does not change before it is written down whole. */
class Draft {
  readonly keys: MonitorState["keys"];
  readonly places: MonitorState["places"];
  readonly heads: Map<string, readonly string[]>;
  readonly receipts: Map<string, MonitorState["receipts"][string]>;
  readonly #state: MonitorState;
  readonly #options: MonitorOptions;
  readonly #alarms: Map<string, MonitorState["alarms"][string]>;
  readonly #unreachable: Map<string, string>;
  readonly #notices: Notice[] = [];
  readonly #answered = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #refusals = new Map<string, QuanjiError>();

  constructor(state: MonitorState, options: MonitorOptions) {
    this.#state = state;
    this.#options = options;
    this.keys = { ...state.keys };
    this.places = { ...state.places };
    this.heads = new Map(Object.entries(state.heads));
    this.receipts = new Map(Object.entries(state.receipts));
    this.#alarms = new Map(Object.entries(state.alarms));
    this.#unreachable = new Map(Object.entries(state.unreachable));
  }

  /** Undefined where nobody answers there. Other errors go through. */
  async reaching<T>(address: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#answered.add(address);
      return result;
    } catch (error) {
      if (!isQuanjiError(error, "UNREACHABLE")) throw error;
      this.#failed.add(address);
      return undefined;
    }
  }

  /** As {@link reaching}, for signed questions: a refusal is an alarm, unless it says to ask again. */
  async asking<T>(address: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.reaching(address, work).catch((error: unknown) => {
      if (!isQuanjiError(error) || error.code === "CONFIG_INVALID") throw error;
      if (!PASSING.has(error.code)) this.#refusals.set(address, error);
      return undefined;
    });
  }

  /** Begins and ends alarms about one thing: of these codes, those in `troubles` stand and the others do not. */
  async judge(about: string, codes: readonly AlarmCode[], troubles: readonly Trouble[]): Promise<void> {
    for (const trouble of troubles) await this.#raise(about, trouble);
    for (const code of codes) {
      if (!troubles.some((trouble) => trouble.code === code)) this.#clear(code, about);
    }
  }

  /** A checkpoint that was seen elsewhere than where its log is followed. */
  see({ log, note }: { readonly log: string; readonly note: string }): void {
    const known = this.heads.get(log) ?? [];
    if (!known.includes(note)) this.heads.set(log, [...known, note]);
  }

  /** An address that answered anything in this round is reached. */
  async settle(): Promise<void> {
    const { clock, unreachableMs } = this.#options;
    for (const address of new Set([...this.#answered, ...this.#refusals.keys()])) {
      const { code, detail = code, message = "" } = this.#refusals.get(address) ?? {};
      const refused = code === undefined ? [] : [{ code: "READ_REFUSED" as const, message, detail: detail ?? code }];
      await this.judge(address, ["READ_REFUSED"], refused);
    }
    const now = clock();
    // What answers, and what nobody asks any more.
    for (const address of [...this.#unreachable.keys()].filter((one) => !this.#failed.has(one))) {
      this.#unreachable.delete(address);
      this.#clear("GATEWAY_UNREACHABLE", address);
    }
    for (const address of this.#failed) {
      const since = this.#unreachable.get(address) ?? instant(now);
      this.#unreachable.set(address, since);
      if (now - Date.parse(since) < unreachableMs) continue;
      this.#begin("GATEWAY_UNREACHABLE", address, { message: `${address} has not answered since ${since}` });
    }
  }

  async #raise(about: string, { code, message, detail, evidence }: Trouble): Promise<void> {
    if (this.#alarms.has(conditionOf(code, about))) return;
    const file = evidence === undefined ? undefined : await this.#keep(code, evidence);
    this.#begin(code, about, defined({ message, detail, evidence: file }));
  }

  /** The evidence is on disk before anybody hears of it. */
  async #keep(code: AlarmCode, evidence: string): Promise<string> {
    const name = `${code.toLowerCase()}-${sha256Text(evidence).slice(0, 16)}.evidence.json`;
    await replaceFile(join(this.#options.folder, "evidence"), name, evidence);
    return `evidence/${name}`;
  }

  #begin(
    code: AlarmCode,
    about: string,
    more: { readonly message: string; readonly detail?: string; readonly evidence?: string },
  ): void {
    const condition = conditionOf(code, about);
    if (this.#alarms.has(condition)) return;
    // The number makes an alarm that comes back another one, and is the same when a crash makes the round be done again.
    const id = idOf(["alarm", condition, this.#state.seq + this.#notices.length + 1]);
    this.#alarms.set(condition, { id, code, about });
    this.say({ kind: "alarm", code, about, ...more }, id);
  }

  #clear(code: AlarmCode, about: string): void {
    const condition = conditionOf(code, about);
    const alarm = this.#alarms.get(condition);
    if (alarm === undefined || FOR_EVER.has(code)) return;
    this.#alarms.delete(condition);
    this.say({ kind: "cleared", code, about, alarm: alarm.id }, idOf(["cleared", alarm.id]));
  }

  say(fact: Fact, id: string): void {
    const { clock, trust } = this.#options;
    const seq = this.#state.seq + this.#notices.length + 1;
    this.#notices.push({ ...fact, v: "quanji.notice.v1", id, seq, at: instant(clock()), net: trust.trust.net });
  }

  /** Written and synced before it answers; only then may anything be said. */
  async commit(): Promise<readonly Notice[]> {
    const state = this.#state;
    const next: MonitorState = {
      ...state,
      seq: state.seq + this.#notices.length,
      outbox: [...state.outbox, ...this.#notices],
      keys: this.keys,
      places: this.places,
      heads: Object.fromEntries([...this.heads].map(([log, notes]) => [log, [...notes]])),
      receipts: Object.fromEntries(this.receipts),
      alarms: Object.fromEntries(this.#alarms),
      unreachable: Object.fromEntries(this.#unreachable),
    };
    if (JSON.stringify(next) !== JSON.stringify(state)) await saveState(this.#options.folder, next);
    Object.assign(state, next);
    return this.#notices;
  }
}
