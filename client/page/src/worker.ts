/**
 * The verifier in a worker: the same code as `quanji verify`, and like there no parameter turns a check off. To be cancelled
 * it is ended from outside, so nothing of it need ask whether it should stop.
 */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { Certificate, isStatusList, openDocument, partyOfUrn, statusListPath } from "@quanji/client/documents";
import {
  type OpenedStatusList,
  type OpenedTrust,
  openStatusList,
  openTrust,
  verifyDocument,
  verifyReceipt,
  verifyTrail,
} from "@quanji/client/verify";
import { chunksOf, kindOf, textOf } from "./files.js";
import type { Answer, Fault, GivenTrust, Job } from "./job.js";
import type { Outcome } from "./runner.js";

/** Receipts, trust files and status lists are small. */
export const MAX_SMALL_BYTES = 8 * 1024 * 1024;
/** Between two figures of a long trail. */
const TELL_MS = 100;

interface Scope {
  postMessage(answer: Answer): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Job>) => void): void;
}

/** Answers jobs one after the other. */
export function serve(): void {
  const scope = globalThis as unknown as Scope;
  let last: Promise<void> = Promise.resolve();
  scope.addEventListener("message", ({ data }) => {
    last = last.then(() => answer(data, scope));
  });
}

async function answer(job: Job, scope: Scope): Promise<void> {
  const { id, file } = job;
  try {
    const trust = await opened(job.trust);
    scope.postMessage({ id, ...(file === undefined ? aboutTrust(trust) : await said({ ...job, file }, trust, scope)) });
  } catch (error) {
    scope.postMessage({ id, type: "fault", fault: faultOf(error) });
  }
}

/** A page may stand open for days: what is in date is asked at every job. */
function opened({ text, digest }: GivenTrust): Promise<OpenedTrust> {
  return openTrust(text, { now: Date.now(), ...(digest !== undefined && { digest }) });
}

type Said = Exclude<Outcome, { readonly type: "cancelled" }>;

function aboutTrust({ digest, trust: { net, version, expires } }: OpenedTrust): Said {
  return { type: "trust", facts: { digest, net, version, expires } };
}

async function said(job: Job & { readonly file: File }, trust: OpenedTrust, scope: Scope): Promise<Said> {
  const { file } = job;
  const kind = await kindOf(file);
  if (kind === "receipt") {
    return { type: "verdict", verdict: await verifyReceipt(await textOf(file, MAX_SMALL_BYTES), trust) };
  }
  if (kind === "compact") {
    const text = (await textOf(file, MAX_SMALL_BYTES)).trim();
    if (isStatusList(text)) return aboutList(text, trust);
  }
  const { chunks, progress } = told(job, scope);
  if (kind === "trail") return { type: "verdict", verdict: await verifyTrail(chunks, trust, { progress }) };
  const statusList = await listFor(job, trust);
  return {
    type: "document",
    verdict: await verifyDocument(chunks, trust, { progress, ...(statusList !== undefined && { statusList }) }),
  };
}

/** The file, and how far it is read: a file whose records are not counted tells its bytes. */
function told({ id, file }: Job & { readonly file: File }, scope: Scope) {
  let [bytes, records, last] = [0, 0, 0];
  const tell = (): void => {
    if (performance.now() - last < TELL_MS) return;
    last = performance.now();
    scope.postMessage({ id, type: "progress", records, bytes });
  };
  return {
    chunks: chunksOf(file, (read) => {
      bytes = read;
      tell();
    }),
    progress: (count: number): void => {
      records = count;
      tell();
    },
  };
}

async function aboutList(text: string, trust: OpenedTrust): Promise<Said> {
  const { url, gateway, validFrom, validUntil } = await openStatusList(text, trust);
  const issuer = url.slice(url.lastIndexOf("/") + 1);
  return {
    type: "list",
    list: { url, text },
    facts: { issuer, url, gateway, validFrom, validUntil, trustDigest: trust.digest },
  };
}

/** Of the lists that were given the newest one of a certificate's issuer. Errors: STATUS_LIST_STALE, for one. */
async function listFor(
  { file, lists }: Job & { readonly file: File },
  trust: OpenedTrust,
): Promise<OpenedStatusList | undefined> {
  if (lists.length === 0) return undefined;
  const path = await listPathOf(file);
  const list = lists.findLast(({ url }) => path !== undefined && url.endsWith(path));
  return list === undefined ? undefined : openStatusList(list.text, trust);
}

/** Undefined for what is no certificate; what is wrong with it is the verifier's to say. */
async function listPathOf(file: File): Promise<string | undefined> {
  try {
    const { document, evidence } = await openDocument(chunksOf(file));
    await evidence[Symbol.asyncIterator]().return?.();
    return document.kind === "certificate"
      ? statusListPath(partyOfUrn(Certificate.parse(document.payload).issuer))
      : undefined;
  } catch {
    return undefined;
  }
}

function faultOf(error: unknown): Fault {
  if (isQuanjiError(error)) {
    const { code, detail, message } = error;
    return { code, message, ...(detail !== undefined && { detail }) };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}
