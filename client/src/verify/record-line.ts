/** A record's line on its way into a section: what of it needs no other line, opened when it is asked for or before. */
import type { QuanjiRecord, TrailLineOf } from "@quanji/chaincode/domain";
import type { ChainHead, Opening, Openings } from "@quanji/chaincode/log";
import { type LinkKind, openLink } from "./openings.js";
import { type OpenedRecord, openRecord } from "./record.js";
import { type OpenedRequest, openRequest } from "./requester.js";

/** Each of its parts is faulty only where it is asked for: so the first fault of a line is the same, whoever opened it. */
export interface RecordLine {
  readonly o: Openings;
  readonly e?: TrailLineOf<"record">["e"];
  readonly p?: TrailLineOf<"record">["p"];
  /** It has a request of its own. */
  readonly isAsked: boolean;
  /** Errors: those of {@link openRecord}. */
  open(): OpenedRecord;
  /** Errors: those of {@link openLink}. */
  link(record: QuanjiRecord, kind: LinkKind): ChainHead;
  /** Errors: those of {@link openRequest}. */
  request(): OpenedRequest;
}

/** Nothing of it has been opened. */
export class WrittenRecord implements RecordLine {
  readonly o: Openings;
  readonly e: TrailLineOf<"record">["e"];
  readonly p: TrailLineOf<"record">["p"];
  readonly #line: TrailLineOf<"record">;

  constructor(line: TrailLineOf<"record">) {
    this.#line = line;
    this.o = line.o as Openings;
    this.e = line.e;
    this.p = line.p;
  }

  get isAsked(): boolean {
    return this.#line.q !== undefined;
  }

  open(): OpenedRecord {
    return openRecord(this.#line.r);
  }

  link(record: QuanjiRecord, kind: LinkKind): ChainHead {
    return openLink(record, kind, this.o[`links.${kind}`]);
  }

  request(): OpenedRequest {
    return openRequest(this.#line.q);
  }
}

/** All of it was opened, and nothing was wrong. */
export class OpenedLine implements RecordLine {
  readonly o: Openings;
  readonly #opened: OpenedRecord;
  readonly #kind: LinkKind;
  readonly #head: ChainHead;
  readonly #request: OpenedRequest | undefined;

  constructor(opened: OpenedRecord, kind: LinkKind, opening: Opening, head: ChainHead, request?: OpenedRequest) {
    this.o = { [`links.${kind}`]: opening };
    this.#opened = opened;
    this.#kind = kind;
    this.#head = head;
    this.#request = request;
  }

  get isAsked(): boolean {
    return this.#request !== undefined;
  }

  open(): OpenedRecord {
    return this.#opened;
  }

  link(record: QuanjiRecord, kind: LinkKind): ChainHead {
    return kind === this.#kind ? this.#head : openLink(record, kind, this.o[`links.${kind}`]);
  }

  request(): OpenedRequest {
    return this.#request ?? openRequest(undefined);
  }
}
