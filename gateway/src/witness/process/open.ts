/** A witness as a whole: folder, key, memory, its own peer if it has one, the door, and the clock that signs idle logs again. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { NOTE_TYPES, parseVkey } from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import type { Logger } from "pino";
import { listen } from "../../http/server.js";
import { Closers } from "../../service/closers.js";
import { openNoteSigner } from "../../service/keys.js";
import type { Ledger } from "../../ledger/ledger.js";
import { OtherWitnessClient } from "../exchange/client.js";
import { Exchange } from "../exchange/exchange.js";
import type { NoteSigner } from "../log-signer.js";
import { Notary } from "../notary/notary.js";
import { Cosigner } from "../cosigner/cosigner.js";
import { WitnessMemory } from "../cosigner/memory.js";
import type { WitnessConfig } from "./config.js";
import { EvidenceFolder } from "./evidence-folder.js";
import { newWitnessListener } from "./http.js";
import { rest } from "../../recorder/pause.js";
import { type Followed, LedgerPeer, type StoredBlocks } from "./ledger-peer.js";
import { newWitnessMetrics, type WitnessMetrics } from "./metrics.js";
import { RemoteBlocks } from "./remote-blocks.js";

export interface WitnessEnvironment {
  /** This machine's clock, ms since 1970. */
  readonly clock: () => number;
  readonly logger: Logger;
  /** For tests: another ledger than the configured one. */
  readonly ledger?: Ledger;
}

export interface Witness {
  /** Where it can be dialled. */
  readonly address: string;
  /** Of cosignatures and of head notes, for trust files and for gateways. */
  readonly vkey: string;
  readonly headsKey: string;
  /** Of block notes, for trust files and for other witnesses. */
  readonly blocksKey: string;
  /** Whether it compares with its own peer. */
  readonly hasPeer: boolean;
  /** Signs again what is held: what the timer does. */
  refresh(): Promise<void>;
  /** Compares blocks with the other witnesses: what the timer does. */
  compare(): Promise<void>;
  close(): Promise<void>;
}

/** Errors: CONFIG_INVALID naming the member or file. */
export async function openWitness(config: WitnessConfig, environment: WitnessEnvironment): Promise<Witness> {
  const closers = new Closers();
  try {
    return await open(config, environment, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function open(config: WitnessConfig, environment: WitnessEnvironment, closers: Closers): Promise<Witness> {
  const { clock, logger } = environment;
  const report = (what: string, error: unknown): void => logger.error({ err: error }, what);
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  // Its lock comes first: what follows is for one process.
  const memory = closers.add(await WitnessMemory.open(path.join(config.data, "memory")), (db) => db.close());
  const keyFile = path.join(config.data, "keys", "witness.jwk");
  const signer = await openNoteSigner(keyFile, config.name, NOTE_TYPES.cosignature);
  const heads = await openNoteSigner(
    path.join(config.data, "keys", "heads.jwk"),
    `${config.name}/heads`,
    NOTE_TYPES.ed25519,
  );
  const teller = await openNoteSigner(
    path.join(config.data, "keys", "blocks.jwk"),
    `${config.name}/blocks`,
    NOTE_TYPES.ed25519,
  );
  const evidence = await EvidenceFolder.open(path.join(config.data, "evidence"));
  let peerFault: string | undefined;
  const follows = await openPeer(config, environment, closers, (error) => {
    peerFault = isQuanjiError(error) ? error.message : "the peer cannot be followed: see the log";
    report("the peer is followed no more", error);
  });
  const peer = follows?.peer;
  const metrics = newWitnessMetrics({
    peerHeight: () => peer?.height ?? 0,
    contradicting: () => exchange?.contradicting ?? 0,
    isHalted: () => halted() !== undefined,
  });
  const over = new AbortController();
  const halted = (): string | undefined => exchange?.halted;
  const exchange =
    follows &&
    (await openExchange(config, {
      signer: teller,
      memory,
      follows,
      evidence,
      metrics,
      logger,
      report,
      over: over.signal,
    }));
  const cosigner = new Cosigner({
    signer,
    memory,
    vkeys: config.logs,
    ...(peer !== undefined && { peer }),
    clock: () => clock() + (peer?.offsetMs ?? 0),
    halted,
    verify: nodeVerifier(),
    publish: async (fork) => {
      metrics.forked();
      logger.error({ file: await evidence.keep(fork) }, "a log has signed two histories");
    },
  });
  const refresh = (): Promise<void> => refreshAll(memory, cosigner, report);
  closers.add(
    setInterval(() => void refresh(), config.refreshMs),
    clearInterval,
  );
  const compare = (): Promise<void> => exchange?.round() ?? Promise.resolve();
  if (config.others.length > 0) {
    void closers.add(comparing(compare, config.exchangeMs, over.signal, report), (run) => {
      over.abort();
      return run;
    });
  }
  if (peer !== undefined) closers.add(confirming(peer, config.confirmMs, report), clearInterval);
  const listener = newWitnessListener({
    cosigner,
    notary: peer && new Notary({ signer: heads, memory, peer, halted, patienceMs: config.patienceMs }),
    exchange,
    origins: () => memory.origins(),
    evidence,
    metrics,
    health: () => ({
      ok: peerFault === undefined && halted() === undefined,
      vkey: signer.vkey,
      headsKey: heads.vkey,
      blocksKey: teller.vkey,
      // Said aloud: without a peer its cosignature says that the log only grew, and not what the ledger holds.
      peer: peer === undefined ? "none" : (peerFault ?? halted() ?? `${peer.height} blocks read`),
    }),
    bodyMs: config.limits.bodyMs,
    report,
  });
  const server = closers.add(await listen(listener, config, config.limits), (one) => one.close());
  return {
    address: server.address,
    vkey: signer.vkey,
    headsKey: heads.vkey,
    blocksKey: teller.vkey,
    hasPeer: peer !== undefined,
    refresh,
    compare,
    close: () => closers.close(),
  };
}

interface ExchangeParts {
  readonly signer: NoteSigner & { readonly vkey: string };
  readonly memory: WitnessMemory;
  readonly follows: Following;
  readonly evidence: EvidenceFolder;
  readonly metrics: WitnessMetrics;
  readonly logger: Logger;
  readonly report: WitnessReport;
  /** Ends what is under way. */
  readonly over: AbortSignal;
}

/** What another witness may take for an answer: it may have to ask its own peer. */
const EXCHANGE_MS = 10_000;

/** Errors: CONFIG_INVALID if the witness itself stands among the others. */
function openExchange(
  { others, settled }: WitnessConfig,
  { signer, memory, follows, evidence, metrics, logger, report, over }: ExchangeParts,
): Promise<Exchange> {
  const own = others.findIndex(({ blocksKey }) => blocksKey === signer.vkey);
  if (own >= 0) {
    const field = `others.${own}.blocksKey`;
    throw new QuanjiError("CONFIG_INVALID", `${field}: is this witness's own`, { field });
  }
  return Exchange.open({
    signer,
    memory,
    peer: follows.peer,
    bytes: (number) => follows.stored.bytes(number),
    others: others.map(({ url, blocksKey }) => ({
      key: parseVkey(blocksKey, NOTE_TYPES.ed25519),
      witness: new OtherWitnessClient({ url, fetch: globalThis.fetch, timeoutMs: EXCHANGE_MS, over }),
    })),
    verify: nodeVerifier(),
    settled: new Set(settled),
    async publish(proof) {
      const file = await evidence.keep(proof);
      logger.error({ file, kind: proof.kind }, "two peers differ");
      return file && path.basename(file);
    },
    heard: (name, outcome) => metrics.exchanged(name, outcome),
    report,
  });
}

/** One round at a time: a slow witness delays the next round, and none runs beside it. */
async function comparing(
  compare: () => Promise<void>,
  everyMs: number,
  over: AbortSignal,
  report: WitnessReport,
): Promise<void> {
  while (!over.aborted) {
    await compare().catch((error: unknown) => report("blocks are not compared", error));
    await rest(everyMs, over);
  }
}

/** Under load no block stays the newest for long: up to when it was is known only if the peer is asked now and then. */
function confirming(peer: LedgerPeer, everyMs: number, report: WitnessReport): ReturnType<typeof setInterval> {
  let told = false;
  const ask = (): void =>
    void peer.confirm().then(
      () => (told = false),
      (error: unknown) => {
        if (!told) report("the peer does not say its height", error);
        told = true;
      },
    );
  ask();
  return setInterval(ask, everyMs);
}

async function refreshAll(memory: WitnessMemory, cosigner: Cosigner, report: WitnessReport): Promise<void> {
  try {
    for (const origin of await memory.origins()) await cosigner.refresh(origin);
  } catch (error) {
    report("a log is not signed again", error);
  }
}

type WitnessReport = (what: string, error: unknown) => void;

async function openPeer(
  config: WitnessConfig,
  environment: WitnessEnvironment,
  closers: Closers,
  onError: (error: unknown) => void,
): Promise<Following | undefined> {
  const ledger = await openFollowed(config, environment, closers);
  if (ledger === undefined) return undefined;
  const { data, patienceMs } = config;
  const options = { folder: path.join(data, "peer"), ledger, clock: environment.clock, patienceMs, onError };
  return { stored: ledger, peer: closers.add(await LedgerPeer.open(options), (one) => one.close()) };
}

interface Following {
  readonly peer: LedgerPeer;
  readonly stored: StoredBlocks;
}

async function openFollowed(
  config: WitnessConfig,
  environment: WitnessEnvironment,
  closers: Closers,
): Promise<(Followed & StoredBlocks) | undefined> {
  const { logger } = environment;
  if (config.blocks !== undefined) {
    const report = (what: string, error: unknown): void => logger.warn({ err: error }, what);
    return new RemoteBlocks({ url: config.blocks, fetch: globalThis.fetch, pause: rest, report });
  }
  const ledger = environment.ledger ?? (await openFabric(config, environment));
  if (ledger === undefined) return undefined;
  return followed(closers.add(ledger, (one) => one.close()));
}

/** A view is of no fewer blocks than the peer had when it was asked for. */
const followed = (ledger: Ledger): Followed & StoredBlocks => ({
  blocks: (from) => ledger.blocks(from),
  bytes: (number) => ledger.blockBytes?.(number) ?? Promise.resolve(undefined),
  async newest() {
    await using view = await ledger.view();
    return view.block + 1;
  },
});

async function openFabric(
  { data, fabric }: WitnessConfig,
  { logger }: WitnessEnvironment,
): Promise<Ledger | undefined> {
  if (fabric.profile === undefined) return undefined;
  // Loaded only where it is used: the network's client libraries are large.
  const library = await import("../../ledger/fabric/index.js");
  const report = (what: string, error: unknown): void => logger.error({ err: error }, what);
  const profile = await library.readProfile(fabric.profile, (error) =>
    report("the renewed certificate is not taken over", error),
  );
  try {
    return await library.openFabricLedger({ profile, folder: data, client: fabric.client, report });
  } catch (cause) {
    if (isQuanjiError(cause)) throw cause;
    const message = cause instanceof Error ? cause.message : "no peer answers";
    throw new QuanjiError("NOT_RECORDED", message, { detail: "UNAVAILABLE", cause });
  }
}
