export { Books, type BooksView, type Transferred } from "./books.js";
export type { Acceptance, Access, EvidenceWish } from "./access.js";
export { type Alarm, COSIGNED_WITHIN_MS } from "./upgrades.js";
export { AccessRefused, parseRows, PermittedAccess } from "./access.js";
export { Client, type ConnectOptions, type Receipts } from "./client.js";
export { bodyOf, type CommandBody, JOSE, type SignedCommand, signCommand, WITH_OPENINGS } from "./command.js";
export { commitValues, type Values } from "./commitments.js";
export { completeDraft, type Completed, type Draft, type Prepared } from "./draft.js";
export { type PrivateJwk, signatureVerifier } from "./engine.js";
export type { GrantInput, SentGrant } from "./grants.js";
export {
  generateKey,
  kidOf,
  openSigner,
  parsePrivateJwk,
  type PartyKeyPair,
  possession,
  publicOf,
  type Signer,
  toJwkFile,
} from "./keys.js";
export { openVersion, type OfferInput, type SentContract } from "./market.js";
export type { Gateway, LogInfo, NetworkInfo } from "./network.js";
export type { Page, PageOptions } from "./objects.js";
export type { Registration } from "./parties.js";
export { type Random, systemRandom, uuid } from "./random.js";
export { type CheckedReceipt, checkReceipt } from "./receipt.js";
export type { DerivedProduct, ResourceInput } from "./resources.js";
export { holesBelow, memorySeqStore, SeqKeeper, type SeqStatus, type SeqStore } from "./seq.js";
export { type PlannedSample, planSample, reportSample, type SampleWish } from "./samples.js";
export { type BuiltDisclosure, Disclosures, type PublishedDisclosure } from "./disclosures.js";
export { type Adjusted, Documents, type Issued, type Month } from "./documents.js";
export type { Sent } from "./session.js";
export { type NamedPlace } from "./reckoning.js";
export type { HandedTrail } from "./handed-trails.js";
export {
  type AdjustInput,
  type ReckonedAdjustment,
  type ReckonedStatement,
  Statements,
  type StatementView,
} from "./statements.js";
export { type DeliveryAccount } from "./stream.js";
export { httpTiles, isPath } from "./tiles.js";
export { type TagKeyRing, tagKeyOf, tagOf, withNewTagKey } from "./tag-keys.js";
export {
  accountsOf,
  type AskWallet,
  KEY_REQUEST,
  parseWalletSignature,
  signedBy,
  walletKey,
  type WalletSignature,
  walletSigner,
} from "./wallet.js";
export { DEADLINES, type Deadlines, type Fetch } from "./transport.js";
