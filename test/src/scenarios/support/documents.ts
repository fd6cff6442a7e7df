/** Documents of a story as files: issued from verified evidence, and verified by who holds the file and a trust file alone. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { isQuanjiError, parsePayload, type Verb } from "@quanji/chaincode/domain";
import { fromBase64url, fromUtf8, type JsonObject } from "@quanji/chaincode/log";
import { Client, type Issued } from "@quanji/client";
import { type DocumentVerdict, type OpenedStatusList, openStatusList, verifyDocument } from "@quanji/client/verify";
import { send } from "@quanji/gateway/testing";
import { until } from "../../support/until.js";
import { month } from "./calendar.js";
import { refused } from "./commands.js";
import type { Story } from "./story.js";

export interface MonthOf {
  readonly contract: string;
  /** Month of the text: `2026-03`. */
  readonly period: string;
}

export const monthOf = ({ contract, period }: MonthOf) => ({ contract, period: month(period) });

/**
 * Issues a document by the SDK. The command that it sends is asserted as those of the text are: D6, nobody without the role gets the
 * same words done; D7, the same bytes have one effect.
 */
export async function issued<N extends string>(
  story: Story<N>,
  by: N,
  verb: Verb,
  issue: (client: Client) => Promise<Issued>,
): Promise<Issued> {
  const url = `/v1/commands/${verb}`;
  let sent = 0;
  const watched: typeof fetch = async (input, init) => {
    const asked = input instanceof Request ? input.url : String(input);
    const text = init?.body;
    if (!asked.endsWith(url) || typeof text !== "string") return fetch(input, init);
    sent++;
    const { payload } = JSON.parse(text) as { readonly payload: string };
    const { net: _net, ...words } = parsePayload(verb, JSON.parse(fromUtf8(fromBase64url(payload))) as JsonObject);
    await refused(story, "OUTS", verb, JSON.parse(JSON.stringify(words)) as JsonObject, "ROLE_REQUIRED");
    const answer = await fetch(input, init);
    const height = await story.block();
    const again = await send(story.host.address, {
      method: "POST",
      path: url,
      headers: { "content-type": new Headers(init?.headers).get("content-type") ?? "" },
      body: text,
    });
    // An answer's signature is made anew; what it says is not.
    const said = (text: string): unknown => (JSON.parse(text) as { readonly payload: unknown }).payload;
    deepStrictEqual(said(again.text), said(await answer.clone().text()), `D7 ${verb}`);
    strictEqual(await story.block(), height, `D7 ${verb}: nothing is written twice`);
    return answer;
  };
  const client = await Client.connect({
    gateway: story.host.address,
    key: story.signer(by),
    trust: await story.trust(),
    clock: story.host.clock,
    accept: false,
    fetch: watched,
  });
  try {
    const document = await witnessed(() => issue(client));
    strictEqual(sent, 1, `${verb} was sent once`);
    return document;
  } finally {
    await client.close();
  }
}

/** Witnesses state the heads of chains a moment after the last block: until then no evidence of it has their quorum. */
const witnessed = <T>(work: () => Promise<T>): Promise<T> =>
  until(() =>
    work().catch((error: unknown) => {
      if (isQuanjiError(error) && error.detail === "WITNESS_QUORUM") return undefined;
      throw error;
    }),
  );

export interface Verified {
  readonly file: string;
  readonly verdict: DocumentVerdict;
}

/** The document with the evidence of its month, as `by` has it; it verifies. */
export const verified = <N extends string>(
  story: Story<N>,
  by: N,
  { jws }: Pick<Issued, "jws">,
  of: MonthOf,
): Promise<Verified> => accepted(story, async () => text((await story.client(by)).documents.file(jws, monthOf(of))));

/** A certificate as it is shown to strangers; it verifies, beside its issuer's list of what is revoked. */
export const shown = <N extends string>(
  story: Story<N>,
  by: N,
  { jws }: Pick<Issued, "jws">,
  of: MonthOf,
): Promise<Verified> =>
  accepted(
    story,
    async () => text((await story.client(by)).documents.publicFile(jws, monthOf(of))),
    () => statusListOf(story, by),
  );

async function accepted<N extends string>(
  story: Story<N>,
  fetched: () => Promise<string>,
  listed: () => Promise<OpenedStatusList | undefined> = () => Promise.resolve(undefined),
): Promise<Verified> {
  const { file, verdict } = await until(async () => {
    const file = await fetched();
    const verdict = await verdictOf(story, file, await listed());
    return verdict.detail === "WITNESS_QUORUM" ? undefined : { file, verdict };
  });
  deepStrictEqual([verdict.ok, verdict.code, verdict.detail], [true, undefined, undefined], verdict.message);
  return { file, verdict };
}

async function text(lines: AsyncIterable<string>): Promise<string> {
  let whole = "";
  for await (const line of lines) whole += line;
  return whole;
}

export async function verdictOf<N extends string>(
  story: Story<N>,
  file: string,
  statusList?: OpenedStatusList,
): Promise<DocumentVerdict> {
  return verifyDocument(file, await story.trust(), statusList === undefined ? {} : { statusList });
}

/** `CODE · DETAIL` of a file that is refused. */
export async function refusalOf<N extends string>(story: Story<N>, file: string): Promise<string> {
  const { ok, code = "", detail = "" } = await verdictOf(story, file);
  strictEqual(ok, false, "the file is refused");
  return `${code} · ${detail}`;
}

/** The list in which an issuer says what it has revoked, as anybody fetches it. */
export async function statusListOf<N extends string>(story: Story<N>, issuer: N): Promise<OpenedStatusList> {
  const { text: jwt } = await send(story.host.address, { path: `/v1/statuses/${story.party(issuer)}` });
  return openStatusList(jwt.trim(), await story.trust());
}

/** State of a document, as whoever has its code looks it up. */
export async function lookedUp<N extends string>(story: Story<N>, code: string): Promise<string> {
  const { status, text: body } = await send(story.host.address, { path: `/v1/documents/${code}` });
  return status === 200 ? (JSON.parse(body) as { readonly state: string }).state : "unknown";
}

/** The file with another text in its document's words; the signature stays what it was. */
export function reworded(file: string, from: string, to: string): string {
  const end = file.indexOf("\n");
  const head = JSON.parse(file.slice(0, end)) as { readonly jws: { readonly payload: string } };
  const words = fromUtf8(fromBase64url(head.jws.payload));
  if (!words.includes(from)) throw new Error(`the document does not say ${from}`);
  const payload = Buffer.from(words.replaceAll(from, to)).toString("base64url");
  return JSON.stringify({ ...head, jws: { ...head.jws, payload } }) + file.slice(end);
}
