/** Command chains: each folded from h₀ to its attested head, so that the commands shown are all there are. */
import { COMMANDS, type CommandChainKind, type Group, stopDigest } from "@quanji/chaincode/domain";
import { type ChainHead, type ChainKey, emptyHead, extend, type Hash, partyOf } from "@quanji/chaincode/log";
import type { ChainCommand, WithheldCommand } from "./commands.js";
import { type SealedHead, verifyHead } from "./head.js";
import type { OpenedTrust } from "./trust.js";
import { refuse } from "./verdict.js";

export type { CommandChainKind };

/** Chains of objects that live in an organisation's collection. */
const HIDDEN: ReadonlySet<CommandChainKind> = new Set([
  "grant",
  "acts",
  "openings",
  "offer",
  "contract",
  "books",
  "disclosures",
]);
const isHidden = (kind: CommandChainKind): boolean => HIDDEN.has(kind);
export interface CommandChainKey extends ChainKey {
  readonly kind: CommandChainKind;
}

/** Complete up to `time`. */
export interface CommandChain {
  readonly key: CommandChainKey;
  readonly commands: readonly ChainCommand[];
  /** Commands that the file counts in this chain and does not show. */
  readonly withheld: readonly WithheldCommand[];
  readonly time: string;
}

/** A chain that is being read. */
export class ChainReader {
  readonly key: CommandChainKey;
  #head: ChainHead;
  readonly #commands: ChainCommand[] = [];
  readonly #withheld: WithheldCommand[] = [];
  readonly #requests = new Set<string>();
  readonly #net: string;

  /** Errors: CHAIN_KEY for a scope in which no such chain lives. */
  constructor(key: CommandChainKey, net: string) {
    const isPrivate = key.scope.startsWith(`${net}/org-`);
    const named = key.kind === "directory" || key.kind === "boundary" || key.kind === "orders" ? key.id === net : true;
    if (!named || (isHidden(key.kind) ? !isPrivate : key.scope !== net)) {
      refuse("CHAIN_KEY", "no such chain lives in that scope");
    }
    this.key = key;
    this.#net = net;
    this.#head = emptyHead(key);
  }

  /** Errors: NETWORK_MISMATCH, CHAIN_KEY (a command on another object), REQUEST_REPLAYED. */
  add(command: ChainCommand): void {
    if (command.command.payload.net !== this.#net)
      refuse("NETWORK_MISMATCH", "a command was signed for another network");
    if (!belongs(command, this.key)) refuse("CHAIN_KEY", "the command is not one of this chain's object");
    this.#extend(command.jws.request, command.leaf);
    this.#commands.push(command);
  }

  /** Errors: COMMAND_WITHHELD (in another chain than a contract's), REQUEST_REPLAYED. */
  withhold(command: WithheldCommand): void {
    if (this.key.kind !== "contract") refuse("COMMAND_WITHHELD", "only a contract's chain may withhold commands");
    this.#extend(command.request, command.leaf);
    this.#withheld.push(command);
  }

  #extend(request: string, leaf: Hash): void {
    if (this.#requests.has(request)) refuse("REQUEST_REPLAYED", "one command stands in the chain twice");
    this.#requests.add(request);
    this.#head = extend(this.#head, leaf);
  }

  /** Errors: DIRECTORY_STALE, TRAIL_TRUNCATED, TRAIL_STALE, LEAF_MISMATCH, and those of {@link verifyHead}. */
  async close(note: string, opening: SealedHead, trust: OpenedTrust): Promise<CommandChain> {
    const { kind } = this.key;
    const expected = { key: this.key, scope: this.#net, isPublic: !isHidden(kind) };
    const attested = await verifyHead(note, opening, expected, trust);
    const { n, h } = attested.head ?? emptyHead(this.key);
    if (this.#head.n < n) {
      refuse(
        kind === "directory" ? "DIRECTORY_STALE" : "TRAIL_TRUNCATED",
        `the chain has ${n} commands, not ${this.#head.n}`,
      );
    }
    if (this.#head.n > n) refuse("TRAIL_STALE", "the head note is older than the chain's last command");
    if (this.#head.h !== h) refuse("LEAF_MISMATCH", "the commands shown are not those of the attested chain");
    return { key: this.key, commands: this.#commands, withheld: this.#withheld, time: attested.time };
  }
}

const CHAINS_OF: Readonly<Record<Group, readonly CommandChainKind[]>> = {
  network: ["directory"],
  boundaries: ["boundary"],
  orders: ["orders"],
  parties: ["party"],
  resources: ["resource"],
  attestations: ["attestation", "cap"],
  grants: ["grant"],
  openings: ["openings"],
  market: ["offer", "contract"],
  settlement: ["contract", "books", "disclosures"],
  accesses: [],
};

/** Member of a payload that names the chain's object. */
const NAMED_BY: Readonly<Partial<Record<CommandChainKind, string>>> = {
  party: "party",
  resource: "resource",
  openings: "resource",
  cap: "resource",
  attestation: "attestation",
  offer: "offer",
  contract: "contract",
};

/** A chain holds the commands on its own object, and on no other; the regulator's begins with the network's. */
function belongs({ command, jws }: ChainCommand, { kind, id }: CommandChainKey): boolean {
  if (kind === "acts") return partyOf(jws.header.kid) === id; // what a party signed, on whatever object
  if (command.verb === "network.init" && kind === "party") return command.payload.regulator.party === id;
  if (!CHAINS_OF[COMMANDS[command.verb].group].includes(kind)) return false;
  const payload: Readonly<Record<string, unknown>> = command.payload;
  switch (kind) {
    case "grant":
      return "grant" in payload ? payload["grant"] === id : payload["target"] === stopDigest(id);
    case "books":
      return `${String(payload["period"])}/${String(payload["currency"])}` === id;
    case "disclosures":
      return "year" in payload && partyOf(jws.header.kid) === id;
    default: {
      const member = NAMED_BY[kind];
      return member === undefined || payload[member] === id; // of other kinds a network has one object each
    }
  }
}
