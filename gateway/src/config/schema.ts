/** `<data>/gateway.json`: everything that can be set, with what holds if it is not. Strict: an unknown member is an error. */
import {
  CodeName,
  GatewayName,
  isSocialCreditCode,
  Jurisdiction,
  Msp,
  NetworkId,
  PartyId,
  PublicUrl,
  TimeZone,
  Title,
} from "@quanji/chaincode/domain";
import { NOTE_TYPES, type NoteType, parseVkey } from "@quanji/chaincode/log";
import { z } from "zod";
import { CLIENTS } from "../ledger/fabric/clients.js";

const ms = z.int().min(1).max(600_000);
const amount = z.int().min(1).max(10_000_000);

const Limits = z.strictObject({
  /** For a request's body to arrive. */
  bodyMs: ms.default(10_000),
  /** For its head. */
  headersMs: ms.default(10_000),
  /** For all of a request, read or drained. */
  requestMs: ms.default(30_000),
  /** How long `atLeast` may wait for the read model. */
  atLeastMs: ms.default(5_000),
  /** How long an answer waits for the read model, and a stop's answer for its fold. */
  settleMs: ms.default(2_000),
  /** How long a shutdown waits for what is under way. */
  closeMs: ms.default(15_000),
  connections: amount.default(2_000),
  /** How often what a witness shows to everybody is compared with what it cosigned here, at most. */
  compareMs: ms.default(10_000),
  /** Requests a second of one party, and how many may come at once after a pause. */
  partyPerSecond: amount.default(2_000),
  partyBurst: amount.default(4_000),
});

/** Of the recorder; absent members have its own defaults. */
const Recorder = z.strictObject({
  gatherMs: z.int().min(0).max(1_000).optional(),
  objects: z.int().min(1).max(1_000).optional(),
  records: z.int().min(1).max(1_000).optional(),
  bytes: z.int().min(65_536).max(10_000_000).optional(),
  waiting: z.int().min(1).max(1_000_000).optional(),
  closeEveryMs: z.int().min(100).max(3_600_000).optional(),
});

const codes = z.array(CodeName).min(1).max(1024).optional();

/** `http` only makes sense inside one house: what a witness says is signed, and what it is asked is public or hashed. */
const WitnessUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s?#@]+[^\s?#@/]$/, "an http(s) URL without user, query, fragment and final slash")
  .refine((text) => URL.canParse(text), "a URL");

const Vkey = (type: NoteType, what: string) =>
  z
    .string()
    .max(512)
    .refine((text) => isVkey(text, type), `must be the verifier key ${what}`);

const Witness = z.strictObject({
  /** Where it is asked. */
  url: WitnessUrl,
  /** Of its cosignatures, as it prints it when it starts. */
  vkey: Vkey(NOTE_TYPES.cosignature, "of a witness's cosignatures"),
  /** Of its head notes. */
  headsKey: Vkey(NOTE_TYPES.ed25519, "of a witness's head notes"),
  /** Of its block notes: named in the trust file, so that what it tells other witnesses can be held against it. */
  blocksKey: Vkey(NOTE_TYPES.ed25519, "of a witness's block notes").optional(),
  /** Organisation that runs it, as the trust file names it: counted once, and never that of a log. */
  organisation: z.string().regex(/^[a-z][A-Za-z0-9]{0,31}$/, "letters and digits, beginning with a small letter"),
  /**
   * It may be told the secret that blinds this organisation's private keys: without it, it cannot say that a chain was never
   * touched, and with it, it can tell when known parties and resources are.
   */
  absence: z.boolean().default(false),
});

/** Where the heads of the logs are published besides: an anchor contract on an EVM, by any JSON-RPC endpoint. */
const Anchor = z.strictObject({
  endpoint: z
    .string()
    .max(2048)
    .regex(/^https?:\/\//, "an http(s) URL")
    .refine((text) => URL.canParse(text), "a URL"),
  /** EIP-155 id of the chain. */
  chain: z.int().min(1),
  contract: z.string().regex(/^0x[0-9a-f]{40}$/, "0x and 40 hex digits in lower case"),
  /** Block that the contract was deployed in. */
  fromBlock: z.int().min(0).default(0),
  /** Hashes of blocks that are known to be final, for the trust file. */
  blocks: z
    .array(z.string().regex(/^0x[0-9a-f]{64}$/, "0x and 64 hex digits in lower case"))
    .max(4096)
    .default([]),
  /** Variable of the environment that holds the private key which pays and publishes. */
  keyVariable: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,63}$/)
    .default("QUANJI_ANCHOR_KEY"),
  /** Between two heads of a log. */
  everyMs: z.int().min(1).max(86_400_000).default(3_600_000),
  /** Between two looks at the chain. */
  lookMs: ms.default(15_000),
  /** Blocks that must stand on an event, its own counted, before its proof is kept. */
  confirmations: z.int().min(1).max(10_000).default(12),
});

function isVkey(text: string, type: NoteType): boolean {
  try {
    parseVkey(text, type);
    return true;
  } catch {
    return false; // the schema's own message says what is wanted
  }
}

export const ConfigFile = z.strictObject({
  /** Where to listen. Default: loopback only. */
  host: z.string().min(1).max(253).default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(8080),
  /** As registered on the ledger: callers sign it, whatever address they dial. Default: http://127.0.0.1:<port>. */
  publicUrl: PublicUrl.optional(),
  ledger: z.enum(["embedded", "fabric"]).default("embedded"),
  /** Only read where `ledger` is `fabric`. */
  fabric: z
    .strictObject({
      /** Connection profile of this gateway's organisation; a relative path starts at the data folder. */
      profile: z.string().min(1).max(4096).optional(),
      /** Library that talks to the network: `fabric-network` is for peers older than 2.4. */
      client: z.enum(CLIENTS).default("fabric-gateway"),
    })
    .prefault({}),
  /** Topology file; a relative path starts at the data folder. Default: three organisations. A Fabric network brings its own. */
  topology: z.string().min(1).max(4096).optional(),
  gateway: z
    .strictObject({
      name: GatewayName.default("gw"),
      msp: Msp.default("HolderMSP"),
      /** How many logs it writes, side by side. A start creates those that are missing; none can be taken away again. */
      logs: z.int().min(1).max(8).default(1),
    })
    .prefault({}),
  /** Only read when a network begins. */
  network: z
    .strictObject({
      net: NetworkId.default("quanji.local/demo"),
      timeZone: TimeZone.default("+08:00"),
      /** Lets the regulator move the clock; fixed for ever, and said in all evidence. */
      testClock: z.boolean().default(false),
      codeLists: z.strictObject({ purposes: codes, classes: codes }).optional(),
    })
    .prefault({}),
  /** Only read when a network begins. */
  regulator: z
    .strictObject({
      party: PartyId.refine(
        (id) => isSocialCreditCode(id) || id.startsWith("urn:"),
        "a 统一社会信用代码 or a URN",
      ).default("11100000MBQJ00056J"),
      name: Title.default("Data Bureau (demo)"),
      jurisdiction: Jurisdiction.default("CN"),
    })
    .prefault({}),
  limits: Limits.prefault({}),
  recorder: Recorder.prefault({}),
  /** Witnesses that are asked to cosign this gateway's logs. */
  witnesses: z.array(Witness).max(64).default([]),
  /** How many of them are a quorum. Default: all but a third. */
  quorum: z.int().min(1).max(64).optional(),
  /** Absent: the logs stand nowhere outside. */
  anchor: Anchor.optional(),
  /** Serves the blocks of an embedded ledger to everybody: for witnesses that have no peer of their own to follow. */
  publishBlocks: z.boolean().default(false),
  log: z
    .strictObject({ level: z.enum(["silent", "fatal", "error", "warn", "info", "debug"]).default("info") })
    .prefault({}),
  /** Bindings of resources to sources: parsed by delivery, read again whenever the file changes. */
  sources: z.unknown().optional(),
});
export type ConfigFile = z.infer<typeof ConfigFile>;
