/** Documents on paper, in Node: fonts are read from the package that brings them. */
export { certificatePdf } from "./certificate.js";
export { creditNotePdf, invoicePdf, type PdfOptions } from "./invoice.js";
export { qrModules } from "./qr.js";
