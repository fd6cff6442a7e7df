/** Who and what there is to act on, as the ledger has it, for transactions that are made up at random. */
import type {
  Attestation,
  Contract,
  Grant,
  LogState,
  Offer,
  Order,
  Orders,
  Party,
  QuanjiRecord,
  Resource,
  Seal,
  StopState,
} from "@quanji/chaincode/domain";
import { decodeRecord, type IndexBody, recordLeaf, stopDigest } from "@quanji/chaincode/domain";
import { hashText } from "@quanji/chaincode/log";
import { type Actor, actor, IDS, type Name, NET, URL_BASE } from "@quanji/chaincode/testing";
import { decodeBatch, publicKeys, type Sealed, type StoredOpenings, type StoredRecord } from "@quanji/chaincode/world";
import type { Dice } from "../dice.js";
import type { Msp } from "../pair.js";
import type { PairedNetwork } from "./paired-network.js";

export interface Gateway {
  readonly name: string;
  readonly msp: Msp;
  readonly url: string;
}

/** By which commands enter. The first is there from the beginning. */
export const GATEWAYS = {
  holder: { name: "holder", msp: "HolderMSP", url: URL_BASE },
  exchange: { name: "exchange", msp: "ExchangeMSP", url: "https://exchange.test" },
  regulator: { name: "regulator", msp: "RegulatorMSP", url: "https://regulator.test" },
} as const satisfies Record<string, Gateway>;

export const EXCHANGE_LOG = `${NET}/exchange/0`;

export interface PlacedGrant {
  readonly msp: Msp;
  readonly grant: Grant;
  readonly stop: StopState | undefined;
}

export interface Permit {
  readonly log: LogState;
  readonly index: number;
  readonly first: number;
}

export interface Handover extends Permit {
  readonly record: Extract<QuanjiRecord, { readonly type: "delivery" }>;
}

export interface Access extends Permit {
  readonly fields: readonly string[];
  readonly leaf: string;
  readonly record: Extract<QuanjiRecord, { readonly type: "access" }>;
}

export class Scene {
  readonly network: PairedNetwork;
  readonly dice: Dice;
  /** Keys by party, newest last. */
  readonly keys = new Map<string, Actor[]>();
  /** What signs tallies, where it is registered. */
  source: Actor | undefined;

  constructor(network: PairedNetwork, dice: Dice) {
    this.network = network;
    this.dice = dice;
    for (const one of Object.values(network.actors)) this.keys.set(one.party, [one]);
  }

  /** Mostly one that fits. */
  likely<T>(all: readonly T[], fits: (one: T) => boolean): T | undefined {
    const fitting = all.filter(fits);
    const from = fitting.length > 0 && !this.dice.once(6) ? fitting : all;
    return from.length === 0 ? undefined : this.dice.one(from);
  }

  /** Somebody's newest key, or now and then an older one. */
  keyOf(party: string): Actor {
    const known = this.keys.get(party) ?? [];
    const chosen = known.length > 0 && this.dice.once(10) ? this.dice.one(known) : known.at(-1);
    return chosen ?? this.anybody();
  }

  /** Mostly that party. */
  by(party: string): Actor {
    return this.dice.once(8) ? this.anybody() : this.keyOf(party);
  }

  named(name: Name): Actor {
    return this.by(IDS[name]);
  }

  anybody(): Actor {
    const party = this.dice.one([...this.keys.keys()]);
    return this.keys.get(party)?.at(-1) ?? this.network.actors.stranger;
  }

  /** A party that nobody knows yet. */
  newcomer(): Actor {
    const made = actor(`urn:quanji:test-${this.keys.size}`, this.dice.once(2) ? "ES256" : "EdDSA");
    this.keys.set(made.party, [made]);
    return made;
  }

  parties(): readonly Party[] {
    return this.#all("party/") as readonly Party[];
  }

  /** Of those who came in this run: what becomes of them spoils nobody else's business. */
  newcomers(): readonly Party[] {
    return this.parties().filter(({ id }) => id.startsWith("urn:"));
  }

  resources(): readonly Resource[] {
    return this.#all("resource/") as readonly Resource[];
  }

  logs(): readonly LogState[] {
    return this.#all("log/") as readonly LogState[];
  }

  orders(): readonly Order[] {
    return (this.network.get(publicKeys.orders) as Orders | undefined)?.entries ?? [];
  }

  grants(): readonly PlacedGrant[] {
    return this.#placed("grant").map(({ msp, value }) => {
      const grant = value as Grant;
      const stop = this.network.get(publicKeys.stop(stopDigest(grant.id))) as StopState | undefined;
      return { msp, grant, stop };
    });
  }

  attestations(): readonly Attestation[] {
    return this.#all("attestation/") as readonly Attestation[];
  }

  offers(): readonly { readonly msp: Msp; readonly offer: Offer }[] {
    return this.#placed("offer").map(({ msp, value }) => ({ msp, offer: value as Offer }));
  }

  contracts(): readonly { readonly msp: Msp; readonly contract: Contract }[] {
    return this.#placed("contract").map(({ msp, value }) => ({ msp, contract: value as Contract }));
  }

  permits(): readonly Permit[] {
    return this.#stored().flatMap(({ stored, ...place }) => (stored.face.includes('"permit"') ? [place] : []));
  }

  /** With what each says, and who received it. */
  deliveries(): readonly Handover[] {
    return this.#stored().flatMap(({ stored, ...place }) => {
      const record = decodeRecord(stored);
      return record.type === "delivery" ? [{ ...place, record }] : [];
    });
  }

  /** Accesses, with what is kept of what their requests committed to. */
  said(): readonly Access[] {
    return this.#stored().flatMap(({ stored, ...place }) => {
      const record = decodeRecord(stored);
      if (record.type !== "access") return [];
      const { log, first, index } = place;
      const prefix = `org-${log.msp}\u0000said/${log.origin}/${first}/`;
      const kept = [...this.network.state.values].find(([key]) => key.startsWith(prefix))?.[1];
      const said = kept === undefined ? {} : (JSON.parse(kept) as StoredOpenings).value;
      const fields = Object.keys(said[String(index)] ?? {});
      return [{ ...place, fields, leaf: hashText(recordLeaf(stored)), record }];
    });
  }

  /** Indexes of the deliveries in a log that were accepted. */
  accepted(log: LogState): ReadonlySet<number> {
    const said = this.#stored([log]).flatMap(({ stored }) => {
      const record = decodeRecord(stored);
      return record.type === "acceptance" ? [record.body.delivery] : [];
    });
    return new Set(said);
  }

  /** Where the newest tally of a resource in a log ends. */
  talliedTo(log: LogState, resource: string): number {
    const ends = this.#stored([log]).flatMap(({ stored }) => {
      const record = decodeRecord(stored);
      return record.type === "tally" && record.body.resource.startsWith(`${resource}@`) ? [record.body.to] : [];
    });
    return Math.max(0, ...ends);
  }

  /** Where the newest index of a log ends. */
  indexedTo(log: LogState): number {
    const ends = this.#stored([log]).flatMap(({ stored }) =>
      stored.face.includes('"type":"index"') ? [(JSON.parse(stored.body) as IndexBody).to] : [],
    );
    return Math.max(0, ...ends);
  }

  /** First index of the batch that holds a record; undefined if none does. */
  firstOf(log: LogState, at: number): number | undefined {
    return this.#stored([log]).find(({ index }) => index === at)?.first;
  }

  /** Orders that seal records, with where they are. */
  seals(): readonly (Seal & { readonly order: string; readonly msp: Msp })[] {
    return (["HolderMSP", "ExchangeMSP"] as const).flatMap((msp) => {
      const prefix = `org-${msp}\u0000seal/`;
      return [...this.network.state.values]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, text]) => ({ msp, order: key.slice(prefix.length), ...(JSON.parse(text) as Sealed<Seal>).value }));
    });
  }

  /** Every record of these logs. */
  #stored(logs: readonly LogState[] = this.logs()): readonly (Permit & { readonly stored: StoredRecord })[] {
    return logs.flatMap((log) =>
      [...this.network.state.values]
        .filter(([key]) => key.startsWith(`org-${log.msp}\u0000batch/${log.origin}/`))
        .flatMap(([, text]) => {
          const { first, records } = decodeBatch(text);
          return records.map((stored, i) => ({ log, first, index: first + i, stored }));
        }),
    );
  }

  #placed(kind: string): readonly { readonly msp: Msp; readonly value: unknown }[] {
    return (["HolderMSP", "ExchangeMSP"] as const).flatMap((msp) =>
      (this.#all(`org-${msp}\u0000${kind}/`) as readonly Sealed<unknown>[]).map(({ value }) => ({ msp, value })),
    );
  }

  #all(prefix: string): readonly unknown[] {
    return [...this.network.state.values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([, text]) => JSON.parse(text) as unknown);
  }
}

export const gatewayOf = (msp: string): Gateway =>
  Object.values(GATEWAYS).find((gateway) => gateway.msp === msp) ?? GATEWAYS.holder;
