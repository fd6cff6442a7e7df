/** A key, a gateway and what is known of the network: signs, sends, and believes only what the gateway signed in answer. */
import { defined, limitsOf, parsePayload, QuanjiError, type Verb } from "@quanji/chaincode/domain";
import {
  type FlattenedJws,
  fromBase64url,
  type JsonObject,
  parseCanonical,
  type VerifySignature,
} from "@quanji/chaincode/log";
import type { OpenedTrust } from "../verify/index.js";
import { openAnswer, type OpenedAnswer, successOf } from "./answer.js";
import { bodyOf, type CommandInput, JOSE, prepareCommand, type SignedCommand, signCommand } from "./command.js";
import type { Values } from "./commitments.js";
import { draftOf, type Prepared } from "./draft.js";
import type { Signer } from "./keys.js";
import type { Gateway, NetworkInfo } from "./network.js";
import { type Random, uuid } from "./random.js";
import { type Deadlines, exchange, type Fetch, type Reply } from "./transport.js";

/** A command that the ledger has taken. */
export interface Sent {
  readonly request: string;
  readonly block: number;
  /** Position of the transaction in the block. */
  readonly index: number;
  readonly txId: string;
  readonly result: JsonObject;
  /** The command as it was signed, and the gateway's signed answer: keep them if you may have to prove it. */
  readonly command: FlattenedJws;
  readonly answer: FlattenedJws;
}

export interface SessionParts {
  readonly signer: Signer;
  readonly network: NetworkInfo;
  readonly gateway: Gateway;
  /** Where to dial: need not be the registered URL. */
  readonly address: string;
  readonly fetch: Fetch;
  readonly verify: VerifySignature;
  /** This machine's clock, ms since 1970. */
  readonly clock: () => number;
  readonly random: Random;
  readonly deadlines: Deadlines;
  /** Waits between attempts. */
  readonly pause: (ms: number) => Promise<void>;
  readonly trust?: OpenedTrust;
}

/** Attempts of one command whose answer is lost, and the pause before the second; it doubles. */
const ATTEMPTS = 3;
const PAUSE_MS = 200;

export class Session {
  readonly parts: SessionParts;
  /** Newest block that an answer has named: later reads ask to see at least that. */
  #block: number | undefined;

  constructor(parts: SessionParts) {
    this.parts = parts;
  }

  get net(): string {
    return this.parts.network.net;
  }

  /** Ledger time as far as this machine can tell, ms since 1970. */
  nowMs(): number {
    return this.parts.clock() + this.parts.network.offsetMs;
  }

  newId(): string {
    return uuid(this.parts.random);
  }

  /** Signs for this gateway's registered URL. Errors: MALFORMED, naming the field of a payload that the verb does not take. */
  async sign(verb: Verb | "read", path: string, payload: JsonObject, values: Values = {}): Promise<SignedCommand> {
    return signCommand(this.#input(verb, path, payload, values));
  }

  /** As {@link sign}, up to the signature. Errors: MALFORMED, also for a key that is not Ethereum's. */
  prepare(verb: Verb, payload: JsonObject, values: Values = {}): Prepared {
    const command = prepareCommand(this.#input(verb, pathTo(verb), payload, values));
    if (command.header.alg !== "EIP712") {
      throw new QuanjiError("MALFORMED", "only an Ethereum key's commands are signed elsewhere", { field: "key" });
    }
    parsePayload(verb, command.payload);
    return draftOf(command);
  }

  #input(verb: Verb | "read", path: string, payload: JsonObject, values: Values): CommandInput {
    const { signer, gateway, random } = this.parts;
    const full = { net: this.net, ...payload };
    return { signer, verb, url: gateway.publicUrl + path, payload: full, values, nowMs: this.nowMs(), random };
  }

  /**
   * Signs and sends a command. A lost answer is asked for again with the same bytes, which the ledger takes only once.
   * Errors: whatever the gateway refuses with, ANSWER_MISMATCH, UNREACHABLE.
   */
  async send(verb: Verb, payload: JsonObject, values: Values = {}): Promise<Sent> {
    return this.sendSigned(verb, await this.sign(verb, pathTo(verb), payload, values));
  }

  /** Sends what is signed already. Errors as of {@link send}. */
  async sendSigned(verb: Verb, signed: SignedCommand): Promise<Sent> {
    checkPayload(verb, signed);
    const answer = await this.deliver(pathTo(verb), signed);
    const { block, index, txId, result } = successOf(answer);
    if (typeof block === "number") this.#block = Math.max(this.#block ?? 0, block);
    return {
      request: signed.request,
      block: typeof block === "number" ? block : 0,
      index: typeof index === "number" ? index : 0,
      txId: typeof txId === "string" ? txId : "",
      result: typeof result === "object" && !Array.isArray(result) ? (result as JsonObject) : {},
      command: signed.jws,
      answer: answer.jws,
    };
  }

  /** Posts the same bytes until a signed answer comes. */
  async deliver(path: string, signed: SignedCommand): Promise<OpenedAnswer> {
    const { gateway, verify } = this.parts;
    return this.insist(async () => openAnswer(await this.post(path, signed), signed.request, gateway, verify));
  }

  /** Repeats what failed in transport. Errors: the last attempt's. */
  async insist<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof QuanjiError) || error.code !== "UNREACHABLE" || failures >= ATTEMPTS) throw error;
        await this.parts.pause(PAUSE_MS * 2 ** (failures - 1));
      }
    }
  }

  /** One HTTP exchange with a signed body. */
  post(path: string, signed: SignedCommand, accept: string = JOSE, prefer?: string): Promise<Reply> {
    const { type, text } = bodyOf(signed);
    const { fetch, address, deadlines } = this.parts;
    const request = { url: address + path, method: "POST" as const, type, text, accept };
    return exchange(fetch, prefer === undefined ? request : { ...request, prefer }, deadlines);
  }

  /**
   * Reads (POST-as-GET): the answer is for this request alone. Each attempt is signed anew, for a read's jti serves once.
   * Errors: NOT_FOUND, BEHIND and others that the gateway signs; ANSWER_MISMATCH, UNREACHABLE.
   */
  async read(path: string): Promise<JsonObject> {
    const { gateway, verify } = this.parts;
    return this.insist(async () => {
      const signed = await this.signRead(path);
      return successOf(await openAnswer(await this.post(path, signed), signed.request, gateway, verify));
    });
  }

  /** A signed read that asks for no older a state than this session has already seen. */
  signRead(path: string): Promise<SignedCommand> {
    return this.sign("read", path, this.#block === undefined ? {} : { atLeast: { block: this.#block } });
  }
}

const pathTo = (verb: Verb): string => `/v1/commands/${verb}`;

/** The gateway would refuse it too; here it costs no round trip, and the message names the field. */
function checkPayload(verb: Verb, { jws }: SignedCommand): void {
  parsePayload(verb, parseCanonical(fromBase64url(jws.payload), limitsOf(verb)));
}

/** Path and query of a read; members that are undefined are left out. */
export function pathOf(
  parts: readonly string[],
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const path = ["/v1", ...parts.map((part) => encodeURIComponent(part))].join("/");
  const pairs = Object.entries(defined(query)).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
}
