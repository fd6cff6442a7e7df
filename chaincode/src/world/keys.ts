/**
 * Every key and collection there is. Keys of public state are in the clear; keys of private collections are seen by others
 * only as SHA-256, so each contains an id that cannot be guessed: a grant's UUID, or a name blinded with the collection's
 * secret. Every private value carries a random `salt` for the same reason.
 */
import { canonical, type ChainKey, chainStart, hashText, type HashText, sha256Text } from "../log/index.js";

export const publicKeys = {
  /** Network: name, time zone, MSPs. Written once by network.init. */
  network: "network",
  /** Offset of a test network's clock; absent elsewhere. */
  clock: "clock",
  /** Orders, their chain head and the newest order command. Policy: the regulator alone. */
  orders: "orders",
  /** Boundaries: which list versions there are, and the position of their chain. */
  boundaries: "boundaries",
  party: (id: string) => `party/${id}`,
  resource: (id: string) => `resource/${id}`,
  /** Resource that is the authoritative source of an element class. */
  source: (elementClass: string) => `source/${elementClass}`,
  /** Cells of one list version in one bucket (a class, or `any`). */
  cells: (list: string, version: number, bucket: string) => `boundary/${list}/${version}/${bucket}`,
  attestation: (id: string) => `attestation/${id}`,
  /** Price caps of a resource. */
  cap: (resource: string) => `cap/${resource}`,
  gateway: (name: string) => `gateway/${name}`,
  /** LogState. `origin` = `<net>/<gateway>/<n>`; policy: the log's organisation and the regulator. */
  log: (origin: string) => `log/${origin}`,
  /** StopState of a grant, by {@link stopDigest}. Policy: the grantor's home alone. */
  stop: (digest: string) => `stop/${digest}`,
  /** Head of a command chain whose object is public: a sealed head with the all-zero salt. */
  chain: (key: ChainKey) => `chain/${hashText(chainStart(key))}`,
  /** Marks a command's jti as used, for ever. */
  jti: (kid: string, jti: string) => `jti/${sha256Text(canonical([kid, jti]))}`,
  /** StoredCommand on a public object. */
  command: (request: string) => `command/${request}`,
  /** PublicDocument: who has the code, which is random, may look it up. */
  document: (code: string) => `document/${code}`,
  /** How many places of its status list an issuer of certificates has given away. */
  statuses: (issuer: string) => `statuses/${issuer}`,
} as const;

export const privateKeys = {
  /** Secret of the collection, {value, salt}: blinds the names below. Made with the organisation's first log. */
  secret: "secret",
  grant: (id: string) => `grant/${id}`,
  offer: (id: string) => `offer/${id}`,
  contract: (id: string) => `contract/${id}`,
  /** The contract that bills what is delivered under a grant: its newest, which may be over. */
  billed: (grant: string) => `billed/${grant}`,
  /** StoredCommand on a grant. */
  command: (request: string) => `command/${request}`,
  /** Openings of a command on a public object: {openings, salt}. */
  opening: (request: string) => `opening/${request}`,
  /** Head of a record chain in a log, or of a command chain of a private object; sealed with a random salt. */
  head: (secret: string, key: ChainKey) => privateKeys.headAt(secret, key.scope, hashText(chainStart(key))),
  /** The same for who knows of the chain only its start h₀. */
  headAt: (secret: string, scope: string, start: HashText): string => `head/${scope}/${blind(secret, start)}`,
  /** Counter of a grant in a log. */
  count: (log: string, grant: string) => `count/${log}/${grant}`,
  /** SeqWindow of a key in a log. */
  seen: (secret: string, log: string, kid: string) => `seen/${log}/${blind(secret, kid)}`,
  /** Where the last tally of a resource in a log ended. */
  tallied: (secret: string, log: string, resource: string) => `tallied/${log}/${blind(secret, resource)}`,
  /** IndexTip of a log: where its newest index of subjects ends. */
  indexed: (log: string) => `indexed/${log}`,
  /** Present once a delivery is accepted: by the delivery's record id, which is random. */
  accepted: (delivery: string) => `accepted/${delivery}`,
  /** StoredBatch that begins with the record at index `first`. */
  batch: (log: string, first: number) => `batch/${log}/${first}`,
  /**
   * What the requests of that batch committed to: {@link StoredOpenings}. Apart from the batch, so that it can be purged and the
   * records stay. An erasure purges one generation and writes the next, for a purged key's own purge would take what is put
   * under it in the same transaction.
   */
  said: (log: string, first: number, generation: number) => `said/${log}/${first}/${generation}`,
  /** An order that seals records. */
  seal: (order: string) => `seal/${order}`,
  /** How many erasures have touched the batch: which generation is its newest. Absent: 0. */
  erasures: (log: string, first: number) => `erasures/${log}/${first}`,
  /** SignedIndicator of a contract's month. */
  indicator: (contract: string, period: string) => `indicator/${contract}/${period}`,
  statement: (contract: string, period: string) => `statement/${contract}/${period}`,
  /** Posted: what a statement did to books and allowance. */
  posted: (contract: string, period: string) => `posted/${contract}/${period}`,
  /** BooksState of a month and currency. Months are guessable, so they are blinded. */
  books: (secret: string, period: string, currency: string) => `books/${blind(secret, `${period}/${currency}`)}`,
  /** AccountState of a party in the books of a month and currency. */
  account: (secret: string, period: string, currency: string, party: string) =>
    `${privateKeys.accounts(secret, period, currency)}${blind(secret, party)}`,
  /** Prefix of all accounts of those books. */
  accounts: (secret: string, period: string, currency: string) => `account/${blind(secret, `${period}/${currency}`)}/`,
  /** Revenues of an offer whose price is guided by government. */
  allowance: (offer: string) => `allowance/${offer}`,
  /** Present once a party has published its account of a year. */
  disclosure: (secret: string, party: string, year: number) => `disclosure/${blind(secret, `${party}/${year}`)}`,
} as const;

const blind = (secret: string, name: string): string => sha256Text(canonical(["blind", secret, name]));

/** Scope of command chains on objects of a private collection. */
export const privateScope = (net: string, msp: string): string => `${net}/org-${msp}`;
