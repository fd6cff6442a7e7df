/**
 * Decoders of mirrored values, one a kind. Values are canonical JSON that only the chaincode writes: the schema is enforced
 * where a command enters, so they are not parsed strictly again.
 */
import type {
  AccountState,
  Attestation,
  BooksState,
  Boundaries,
  Caps,
  Cell,
  Contract,
  Counter,
  GatewayEntry,
  Grant,
  IndexTip,
  LogState,
  Network,
  Offer,
  Orders,
  Party,
  Posted,
  PublicDocument,
  Resource,
  Revenues,
  SeqWindow,
  Statement,
  StopState,
} from "@quanji/chaincode/domain";
import { fromBase64url, type Openings } from "@quanji/chaincode/log";
import type { Sealed, StoredSeqWindow } from "@quanji/chaincode/world";

export type Decode<T> = (text: string) => T;

function decodeWindow(text: string): SeqWindow {
  const { next, seen } = (JSON.parse(text) as Sealed<StoredSeqWindow>).value;
  return { next, seen: fromBase64url(seen) };
}

export const DECODE = {
  network: (text: string) => JSON.parse(text) as Network,
  clock: (text: string) => JSON.parse(text) as { readonly offsetMs: number },
  gateway: (text: string) => JSON.parse(text) as GatewayEntry,
  log: (text: string) => JSON.parse(text) as LogState,
  party: (text: string) => JSON.parse(text) as Party,
  resource: (text: string) => JSON.parse(text) as Resource,
  attestation: (text: string) => JSON.parse(text) as Attestation,
  caps: (text: string) => JSON.parse(text) as Caps,
  stop: (text: string) => JSON.parse(text) as StopState,
  orders: (text: string) => JSON.parse(text) as Orders,
  boundaries: (text: string) => JSON.parse(text) as Boundaries,
  cells: (text: string) => JSON.parse(text) as readonly Cell[],
  document: (text: string) => JSON.parse(text) as PublicDocument,
  statuses: (text: string) => JSON.parse(text) as { readonly next: number },
  grant: (text: string) => (JSON.parse(text) as Sealed<Grant>).value,
  offer: (text: string) => (JSON.parse(text) as Sealed<Offer>).value,
  contract: (text: string) => (JSON.parse(text) as Sealed<Contract>).value,
  counter: (text: string) => (JSON.parse(text) as Sealed<Counter>).value,
  indexTip: (text: string) => (JSON.parse(text) as Sealed<IndexTip>).value,
  openings: (text: string) => (JSON.parse(text) as Sealed<Openings>).value,
  secret: (text: string) => (JSON.parse(text) as Sealed<string>).value,
  seen: decodeWindow,
  statement: (text: string) => (JSON.parse(text) as Sealed<Statement>).value,
  posted: (text: string) => (JSON.parse(text) as Sealed<Posted>).value,
  books: (text: string) => (JSON.parse(text) as Sealed<BooksState>).value,
  account: (text: string) => (JSON.parse(text) as Sealed<AccountState>).value,
  revenues: (text: string) => (JSON.parse(text) as Sealed<Revenues>).value,
} as const;
