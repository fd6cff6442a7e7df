/** From a draft to a transaction, with what an attacker may do on the way. */
import { randomUUID } from "node:crypto";
import { COMMANDS } from "@quanji/chaincode/domain";
import {
  algorithmOf,
  canonical,
  type CommandHeader,
  type FlattenedJws,
  type Json,
  type JsonObject,
  type Openings,
  toBase64url,
  typedBytes,
  typedCommand,
  utf8,
} from "@quanji/chaincode/log";
import { type Actor, committed } from "@quanji/chaincode/testing";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import type { TransactionRequest } from "@quanji/gateway/testing";
import { HOSTILE_VALUES } from "../../attacks/payloads.js";
import type { Msp } from "../pair.js";
import { type CommandVerb, type Draft } from "./drafts.js";
import { GATEWAYS, type Scene } from "./scene.js";

/** Header and payload as JSON text: what is signed need not be canonical, nor even JSON. */
export interface Unsigned {
  readonly by: Actor;
  readonly header: JsonObject;
  readonly payload: JsonObject;
  readonly openings: Openings;
}

export interface Sending {
  readonly msp: Msp;
  readonly request: TransactionRequest;
}

/** Stands for a value that JSON cannot say. */
const HOLE = "\u0001hole";
const LIMITS = { maxBytes: 1024 * 1024, maxDepth: 32 };

export function unsigned(
  scene: Scene,
  verb: string,
  urlPath: string,
  { by, payload, via, secrets = {} }: Pick<Draft, "by" | "payload" | "via" | "secrets">,
): Unsigned {
  const jti = randomUUID();
  const made = { ...payload };
  const openings: Record<string, Openings[string]> = {};
  for (const [path, value] of Object.entries(secrets)) {
    const { commitment, openings: own } = committed(by.kid, jti, path, value);
    made[path] = commitment;
    Object.assign(openings, own);
  }
  const header = {
    alg: algorithmOf(by.jwk),
    iat: Math.floor(scene.network.now() / 1000),
    jti,
    kid: by.kid,
    typ: `quanji-${verb}+jws`,
    url: `${via.url}${urlPath}`,
  };
  return { by, header, payload: made, openings };
}

/** Signs whatever it is. @param hostile JSON text that stands where a member says {@link HOLE}. */
export function sign({ by, header, payload }: Unsigned, hostile = "0"): FlattenedJws {
  const text = (value: Json): string => canonical(value, LIMITS).replaceAll(JSON.stringify(HOLE), hostile);
  const head = toBase64url(utf8(text(header)));
  const body = toBase64url(utf8(text(payload)));
  const isTyped = by.jwk.crv === "secp256k1" && isWhole(header, payload);
  const signed = isTyped ? typedBytes(typedCommand(header, payload)) : utf8(`${head}.${body}`);
  return { payload: body, protected: head, signature: toBase64url(by.sign(signed)) };
}

/** What typed data can be made of; the rest is refused before a signature is looked at. */
const isWhole = (header: JsonObject, payload: JsonObject): header is JsonObject & CommandHeader =>
  typeof payload["net"] === "string" &&
  Number.isSafeInteger(header["iat"]) &&
  ["jti", "kid", "typ", "url"].every((name) => typeof header[name] === "string");

const withHole = (scene: Scene, object: JsonObject): JsonObject => {
  const member = scene.dice.one([...Object.keys(object), "another"]);
  const value = object[member];
  const nested = typeof value === "object" && !Array.isArray(value) ? (value as JsonObject) : {};
  const isNested = Object.keys(nested).length > 0 && scene.dice.once(2);
  return { ...object, [member]: isNested ? withHole(scene, nested) : HOLE };
};

const without = (scene: Scene, object: JsonObject): JsonObject => {
  const { [scene.dice.one(Object.keys(object))]: _dropped, ...rest } = object;
  return rest;
};

type Spoil<T> = (scene: Scene, it: T) => T;

/** What can be wrong in words that are signed. */
const BEFORE: readonly Spoil<Unsigned>[] = [
  (scene, it) => ({ ...it, payload: withHole(scene, it.payload) }),
  (scene, it) => ({ ...it, payload: withHole(scene, it.payload) }),
  (scene, it) => ({ ...it, payload: withHole(scene, it.payload) }),
  (scene, it) => ({ ...it, payload: without(scene, it.payload) }),
  (scene, it) => ({ ...it, header: withHole(scene, it.header) }),
  (scene, it) => ({ ...it, header: without(scene, it.header) }),
  (_, it) => ({ ...it, payload: { ...it.payload, net: "quanji.test/other" } }),
  (_, it) => ({ ...it, header: { ...it.header, url: "https://other.test/v1/commands/x" } }),
  (scene, it) => ({ ...it, header: { ...it.header, iat: Number(it.header["iat"]) + scene.dice.one([-600, 600]) } }),
  (scene, it) => ({
    ...it,
    header: { ...it.header, alg: scene.dice.one(["none", "HS256", "ES256", "EdDSA", "EIP712", "ES256K"]) },
  }),
  (scene, it) => ({ ...it, by: scene.anybody() }),
  (_, it) => ({ ...it, header: { ...it.header, jti: USED_JTI } }),
  (scene, it) => ({
    ...it,
    openings: { [scene.dice.one(["ground", "net", "a.b"])]: { salt: "A".repeat(43), value: 1 } },
  }),
];

/** Of many commands: the second with the same key finds it used. */
const USED_JTI = "0193a1b2-0000-4000-8000-00000000000a";

const flipped = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

const withTransient = (sending: Sending, name: string, value: string | undefined): Sending => {
  const { [name]: _dropped, ...rest } = sending.request.transient ?? {};
  return {
    ...sending,
    request: { ...sending.request, transient: value === undefined ? rest : { ...rest, [name]: value } },
  };
};

const withoutEndorsers = ({ endorsers: _endorsers, ...rest }: TransactionRequest): TransactionRequest => rest;

/** What a gateway that lies can do to a command, and to the transaction around it. */
const AFTER: readonly Spoil<Sending>[] = [
  (scene, it) => {
    const text = it.request.transient?.["command"] ?? "";
    return withTransient(it, "command", flipped(text, scene.dice.below(Math.max(1, text.length))));
  },
  (scene, it) => withTransient(it, "command", scene.dice.one(HOSTILE_VALUES)),
  (_, it) => withTransient(it, "command", undefined),
  (scene, it) => withTransient(it, "openings", scene.dice.one(HOSTILE_VALUES)),
  (_, it) => withTransient(it, "openings", undefined),
  (scene, it) => withTransient(it, "grant", scene.dice.one(["", "x", randomUUID()])),
  (scene, it) => ({ ...it, request: { ...it.request, args: [scene.dice.one(HOSTILE_VALUES)] } }),
  (_, it) => ({ ...it, request: { ...it.request, args: [] } }),
  (scene, it) => ({
    ...it,
    request: { ...it.request, args: [argument(scene.dice.one(["holder", "nobody", "__proto__"]))] },
  }),
  (scene, it) => ({ ...it, request: { ...it.request, name: scene.dice.one(Object.values(TRANSACTIONS)) } }),
  (scene, it) => ({
    ...it,
    request: { ...it.request, name: scene.dice.one(["grants:none", "constructor", "x:y:z", ":"]) },
  }),
  (scene, it) => ({ msp: scene.dice.one(["HolderMSP", "ExchangeMSP"]), request: withoutEndorsers(it.request) }),
  (scene, it) => ({
    ...it,
    request: { ...it.request, endorsers: scene.dice.one([["RegulatorMSP"], [it.msp], [it.msp, "RegulatorMSP"]]) },
  }),
];

const argument = (gateway: string): string => canonical({ gateway });

/** The transaction that carries a command. One in three is spoiled, before it is signed or afterwards. */
export function sendingOf(scene: Scene, verb: CommandVerb, draft: Draft): Sending {
  const { dice } = scene;
  const spoil = dice.below(6);
  let words = unsigned(scene, verb, `/v1/commands/${verb}`, draft);
  if (spoil === 0) words = dice.one(BEFORE)(scene, words);
  const sending = transactionOf(verb, draft, sign(words, dice.one(HOSTILE_VALUES)), words.openings);
  return spoil === 1 ? dice.one(AFTER)(scene, sending) : sending;
}

export function transactionOf(verb: CommandVerb, draft: Draft, jws: FlattenedJws, openings: Openings): Sending {
  const { via, transient = {}, transaction } = draft;
  const { group } = COMMANDS[verb];
  const name = transaction ?? TRANSACTIONS[group];
  const endorsers =
    name === TRANSACTIONS.orders
      ? ["RegulatorMSP"]
      : name === TRANSACTIONS.stop
        ? [via.msp]
        : via.msp === "RegulatorMSP"
          ? ["RegulatorMSP", GATEWAYS.holder.msp]
          : undefined;
  return {
    msp: via.msp,
    request: {
      name,
      args: [argument(via.name)],
      transient: {
        ...transient,
        command: JSON.stringify(jws),
        ...(Object.keys(openings).length > 0 && { openings: JSON.stringify(openings) }),
      },
      ...(endorsers !== undefined && { endorsers }),
    },
  };
}
