/** Public look-up of documents, for programs and for people, and issuers' status lists. */
import type { ServerResponse } from "node:http";
import { instant } from "@quanji/chaincode/domain";
import { buildStatusList, compactOf, STATUS_LIST_MINUTES, statusListPath } from "@quanji/client/documents";
import { notFound, sendText } from "./answers.js";
import { codeOf, documentPage, unknownPage } from "./document-page.js";
import { type Edge, ledgerNow } from "./edge.js";

type Params = Readonly<Record<string, string>>;

const HTML = "text/html; charset=utf-8";
/** Seconds for which caches may hand a list on: well within what it speaks for. */
const LIST_SECONDS = 60;

/** A page for whoever scans the QR code. */
export async function sendDocumentPage(edge: Edge, response: ServerResponse, params: Params): Promise<void> {
  const typed = params["code"] ?? "";
  const code = codeOf(typed);
  const document = code === undefined ? undefined : await edge.readModel.document(code);
  if (code === undefined || document === undefined) {
    sendText(response, 404, HTML, unknownPage(typed));
    return;
  }
  const now = instant(await ledgerNow(edge));
  sendText(response, 200, HTML, documentPage(code, document, edge.settings.net, now));
}

/** W3C Bitstring Status List of an issuer's certificates, signed by this gateway. Errors: NOT_FOUND: it has issued none. */
export async function sendStatusList(edge: Edge, response: ServerResponse, params: Params): Promise<void> {
  const { readModel, settings, answers } = edge;
  const issuer = params["issuer"] ?? "";
  if ((await readModel.statuses(issuer)) === 0) throw notFound();
  const now = await ledgerNow(edge);
  const list = await buildStatusList({
    url: settings.publicUrl + statusListPath(issuer),
    gateway: settings.gateway,
    revoked: await readModel.revokedStatuses(issuer),
    validFrom: instant(now),
    validUntil: instant(now + STATUS_LIST_MINUTES * 60_000),
  });
  const text = compactOf(await answers.credential(list));
  response.statusCode = 200;
  response.setHeader("content-type", "application/vc+jwt");
  response.setHeader("cache-control", `public, max-age=${LIST_SECONDS}`);
  response.end(text);
}
