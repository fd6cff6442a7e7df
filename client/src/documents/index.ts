/** Documents: statements' figures as files that people and programs read, and that anybody verifies offline. Browser-safe. */
export { documentText, parseDocumentText } from "./canonical.js";
export {
  buildCertificate,
  Certificate,
  type CertificateFacts,
  deliveriesOf,
  partyOfUrn,
  partyUrn,
} from "./certificate.js";
export { newCode, typedCode } from "./code.js";
export { contractDigest } from "./contract-digest.js";
export { buildCreditNote, CreditNote, type CreditNoteFacts } from "./credit-note.js";
export { assertMajor, major, minorDigits } from "./currency.js";
export { type Billed, buildDisclosure, Disclosure, type DisclosureFacts } from "./disclosure.js";
export { documentLine, isDocument, openDocument, type OpenedFile, parseDocumentLine } from "./file.js";
export {
  adjustmentsIn,
  buildInvoice,
  daysOf,
  evidenceRoot,
  Invoice,
  invoicedOf,
  type InvoiceFacts,
  tariffVersion,
} from "./invoice.js";
export {
  compactOf,
  digestOf,
  DOCUMENT_TYPES,
  type DocumentKind,
  type DocumentSigner,
  flattenedOf,
  parseSigned,
  signDocument,
  type SignedDocument,
} from "./jose.js";
export {
  bitsOf,
  buildStatusList,
  decodeBits,
  encodeBits,
  isSet,
  isStatusList,
  STATUS_LIST_MINUTES,
  STATUS_LIST_SIZE,
  StatusList,
  statusListPath,
} from "./status-list.js";
export { buildVoucher, Voucher, type VoucherFacts } from "./voucher.js";
