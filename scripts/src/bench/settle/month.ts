/**
 * A month of deliveries, each as a gateway has it: the two texts of a record in a log, with links, nonce and digests of their
 * own. One by one from their place in the log: nothing is held.
 */
import { hash } from "node:crypto";
import type { Outcome, RecordBytes } from "@quanji/chaincode/domain";
import { below, mix } from "./chance.js";
import { type BenchContract, contractOf, drawFrom, FREE, FROM_MS, MONTH_MS, PURPOSES } from "./contracts.js";

export const LOG = "quanji.example/city/bench/0";
const UNIT = "11100000MBQJ000135";
/** One in this many was no whole delivery, and costs nothing. */
const FAILS = 400;

/** What one delivery brought, before it is written down: for the count that knows of no record. */
export interface Use {
  readonly contract: number;
  readonly purpose: string;
  readonly rows: number;
  readonly bytes: number;
  readonly outcome: Outcome;
}

export class Month {
  readonly deliveries: number;
  readonly contracts: readonly BenchContract[];
  readonly #draw: (index: number) => number;

  constructor(deliveries: number, contracts: number) {
    this.deliveries = deliveries;
    this.contracts = Array.from({ length: contracts }, (_, number) => contractOf(number));
    this.#draw = drawFrom(contracts);
  }

  /** Number of the contract under whose grant the delivery at a place of the log is. */
  contractAt(index: number): number {
    return this.#draw(index);
  }

  use(index: number): Use {
    const contract = this.#draw(index);
    const rows = 1 + below(50, index, 1);
    const kind = below(8, index, 2);
    return {
      contract,
      purpose: kind === 7 ? FREE : (PURPOSES[kind % PURPOSES.length] ?? FREE),
      rows,
      bytes: rows * (40 + below(60, index, 3)),
      outcome: below(FAILS, index, 4) === 0 ? "failed" : "delivered",
    };
  }

  record(index: number): RecordBytes {
    const { contract, purpose, rows, bytes, outcome } = this.use(index);
    const { grant, resource, buyer } = this.contracts[contract] ?? contractOf(contract);
    const time = new Date(FROM_MS + Math.floor((index * MONTH_MS) / this.deliveries)).toISOString();
    const head = `{"class":"traffic.flow","count":${rows},"hour":"${time.slice(0, 13)}Z","index":${index},"log":"${LOG}"`;
    const text = (lane: number): string => digest(index, lane);
    return {
      face: flat(
        `${head},"purpose":"${purpose}","steward":"${UNIT}","type":"delivery","unit":"${UNIT}","v":"quanji.record.v1"}`,
      ),
      body: flat(
        `{"access":${index},"bytes":${bytes},"digest":"${text(5)}","grant":"${grant}@2","id":"${uuid(index)}",` +
          `"links":{"grant":"${text(6)}","party":"${text(7)}","resource":"${text(8)}"},"masked":[],` +
          `"nonce":"${text(9).slice(0, 21)}A","outcome":"${outcome}","request":"${text(10)}",` +
          `"requester":"${buyer}#${digest(contract, 13)}","resource":"${resource}","rows":${rows},"time":"${time}"}`,
      ),
    };
  }
}

/** 43 characters of base64url whose last two bits are 0, as of any SHA-256. */
function digest(index: number, lane: number): string {
  const at = below(NOISE.length - 42, index, lane);
  return `${NOISE.slice(at, at + 42)}A`;
}

const uuid = (index: number): string => {
  const [a, b] = [hex(mix(index, 11)), hex(mix(index, 12))];
  return `${a}-${b.slice(0, 4)}-7${b.slice(5)}-8${a.slice(0, 3)}-${hex(index)}${b.slice(0, 4)}`;
};
const hex = (value: number): string => value.toString(16).padStart(8, "0");

/** A mebibyte of base64url, to take digests from: to hash for each would cost as much as what is measured. */
const NOISE = ((): string => {
  let text = "";
  for (let at = 0; text.length < 1 << 20; at++) text += hash("sha512", `quanji bench settle ${at}`, "base64url");
  return flat(text);
})();

/** The same text in one piece, as one that was read: the engine would else join it where it is first used, and be timed there. */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
