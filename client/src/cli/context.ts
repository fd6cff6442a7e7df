/** What the commands share: flags, profile, key, trust file and client, each opened when it is first needed. */
import { join, resolve } from "node:path";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { Client, type ConnectOptions, fileSeqStore, type PartyKeyPair } from "../sdk/index.js";
import { type OpenedTrust, openTrust } from "../verify/index.js";
import { openKeyFile, readNamed } from "./files.js";
import type { Io } from "./io.js";
import type { Lang } from "./messages.js";
import { UsageError } from "./options.js";
import { loadProfile, type LoadedProfile } from "./profile.js";

export const DEFAULT_GATEWAY = "http://127.0.0.1:8080";

export interface GlobalFlags {
  readonly gateway?: string;
  readonly key?: string;
  readonly trust?: string;
  readonly profile?: string;
  readonly passphraseEnv?: string;
}

/** What a command may choose about its client. */
type ClientChoices = Pick<ConnectOptions, "seqReserve" | "accept">;

export class Context {
  readonly io: Io;
  readonly lang: Lang;
  readonly #flags: GlobalFlags;
  #profile: LoadedProfile | undefined;
  #client: Client | undefined;

  constructor(io: Io, flags: GlobalFlags, lang: Lang) {
    this.io = io;
    this.lang = lang;
    this.#flags = flags;
  }

  async profile(): Promise<LoadedProfile> {
    this.#profile ??= await loadProfile(this.io, this.#flags.profile);
    return this.#profile;
  }

  /** Relative to the folder that the user is in. */
  path(file: string): string {
    return resolve(this.io.cwd, file);
  }

  async gateway(): Promise<string> {
    const { profile } = await this.profile();
    return this.#flags.gateway ?? this.#env("QUANJI_GATEWAY") ?? profile.gateway ?? DEFAULT_GATEWAY;
  }

  async keyPath(): Promise<string> {
    const path = await this.namedKey();
    if (path !== undefined) return path;
    throw new UsageError("which key signs? give --key FILE, set QUANJI_KEY, or put key into a profile");
  }

  /** The key file that is given or configured, if any. */
  async namedKey(): Promise<string | undefined> {
    const { profile } = await this.profile();
    const named = this.#flags.key ?? this.#env("QUANJI_KEY");
    return named === undefined ? profile.key : this.path(named);
  }

  /** From the variable that --passphrase-env names, or QUANJI_PASSPHRASE. */
  passphrase(): string | undefined {
    const name = this.#flags.passphraseEnv;
    if (name === undefined) return this.#env("QUANJI_PASSPHRASE");
    const value = this.#env(name);
    if (value === undefined) throw new UsageError(`the environment variable ${name} is not set`);
    return value;
  }

  async key(): Promise<PartyKeyPair> {
    return openKeyFile(await this.keyPath(), this.passphrase());
  }

  /** The pinned trust file, if one is given or configured. */
  /** `blockHashes`: of outside chains, which the user knows to be final. */
  async trust(blockHashes: readonly string[] = []): Promise<OpenedTrust | undefined> {
    const path = await this.trustPath();
    return path === undefined ? undefined : this.openTrust(path, blockHashes);
  }

  async trustPath(): Promise<string | undefined> {
    const { profile } = await this.profile();
    const named = this.#flags.trust ?? this.#env("QUANJI_TRUST");
    return named === undefined ? profile.trust : this.path(named);
  }

  /** Errors: CONFIG_INVALID for what is no trust file at all; those of `openTrust`. */
  async openTrust(path: string, blockHashes: readonly string[] = []): Promise<OpenedTrust> {
    const bytes = await this.read(path);
    try {
      return await openTrust(bytes, { now: this.io.clock(), blockHashes });
    } catch (cause) {
      if (!isQuanjiError(cause, "MALFORMED")) throw cause;
      const message = `${path} is no trust file (${cause.message}): get one with quanji trust fetch URL`;
      throw new QuanjiError("CONFIG_INVALID", message, { field: "trust", cause });
    }
  }

  /** A client of the party whose key this is. */
  async client(options: ClientChoices = {}): Promise<Client> {
    this.#client ??= await this.connect(await this.key(), options);
    return this.#client;
  }

  async connect(key: PartyKeyPair, options: ClientChoices = {}): Promise<Client> {
    const { party } = key;
    if (party === undefined) {
      throw new QuanjiError(
        "CONFIG_INVALID",
        "the key belongs to no party yet: register it with quanji party register --party ID",
        {
          field: "key",
        },
      );
    }
    return this.connectAs({ ...key, party }, options);
  }

  /** A client of its own for a key, which may be in a wallet. */
  async connectAs(key: ConnectOptions["key"], options: ClientChoices = {}): Promise<Client> {
    const { clock, fetch, random } = this.io;
    const trust = await this.trust();
    const { folder } = await this.profile();
    return Client.connect({
      gateway: await this.gateway(),
      key,
      seqStore: fileSeqStore(join(folder, "seq")),
      clock,
      fetch,
      random,
      ...options,
      ...(trust !== undefined && { trust }),
    });
  }

  /** A file, or standard input for `-`. */
  async readText(file: string): Promise<string> {
    return file === "-" ? this.io.stdin() : (await this.read(this.path(file))).toString("utf8");
  }

  read(path: string): Promise<Buffer> {
    return readNamed(path);
  }

  /** Closes what was opened. */
  async close(): Promise<void> {
    await this.#client?.close();
  }

  #env(name: string): string | undefined {
    const value = this.io.env[name];
    return value === undefined || value === "" ? undefined : value;
  }
}
