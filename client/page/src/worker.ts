/**
 * The verifier in a worker: the same code as `quanji verify`, and like there no parameter turns a check off. To be cancelled
 * it is ended from outside, so nothing of it need ask whether it should stop.
 */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { type OpenedTrust, openTrust, type Verdict, verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { chunksOf, kindOf, textOf } from "./files.js";
import type { Answer, Fault, GivenTrust, Job } from "./job.js";

/** Receipts and trust files are small. */
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
  const { id } = job;
  try {
    const trust = await opened(job.trust);
    const { digest } = trust;
    const { net, version, expires } = trust.trust;
    if (job.file === undefined) scope.postMessage({ id, type: "trust", facts: { digest, net, version, expires } });
    else scope.postMessage({ id, type: "verdict", verdict: await verdictOn(id, job.file, trust, scope) });
  } catch (error) {
    scope.postMessage({ id, type: "fault", fault: faultOf(error) });
  }
}

let known: { readonly given: GivenTrust; readonly trust: OpenedTrust } | undefined;

async function opened(given: GivenTrust): Promise<OpenedTrust> {
  if (known?.given.text === given.text && known.given.digest === given.digest) return known.trust;
  const digest = given.digest === undefined ? {} : { digest: given.digest };
  const trust = await openTrust(given.text, { now: Date.now(), ...digest });
  known = { given, trust };
  return trust;
}

async function verdictOn(id: number, file: File, trust: OpenedTrust, scope: Scope): Promise<Verdict> {
  if ((await kindOf(file)) === "receipt") return verifyReceipt(await textOf(file, MAX_SMALL_BYTES), trust);
  let bytes = 0;
  let told = 0;
  const progress = (records: number): void => {
    if (performance.now() - told < TELL_MS) return;
    told = performance.now();
    scope.postMessage({ id, type: "progress", records, bytes });
  };
  return verifyTrail(
    chunksOf(file, (read) => (bytes = read)),
    trust,
    { progress },
  );
}

function faultOf(error: unknown): Fault {
  if (isQuanjiError(error)) {
    const { code, detail, message } = error;
    return { code, message, ...(detail !== undefined && { detail }) };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}
