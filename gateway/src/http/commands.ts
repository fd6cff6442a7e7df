/** POST /v1/commands/<verb>: state changes, and what is recorded in a log: voids, acceptances, tallies. Answered once committed, and always with the first answer. */
import { COMMANDS, parsePayload, type Payload } from "@quanji/chaincode/domain";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { notFound } from "./answers.js";
import { assertFresh, assertNet, identify } from "./authenticate.js";
import type { Edge } from "./edge.js";
import { checkOpenings, receive } from "./envelope.js";
import type { Exchange } from "./exchange.js";
import type { CommandRoute } from "./routes.js";

export async function handleCommand(edge: Edge, exchange: Exchange, { verb }: CommandRoute): Promise<void> {
  const received = await receive(exchange.request, verb, edge.settings.bodyTimeoutMs);
  const { parsed, openings } = received;
  const { request, jws, header } = parsed;
  exchange.hash = request;
  const { id, kid, party } = await identify(edge, received, verb, exchange.rawUrl);
  exchange.party = id;
  // Who registers itself has no bucket of its own: strangers could make any number of them.
  edge.limiter.take(party === undefined ? "" : id);

  const recorded = COMMANDS[verb].group === "accesses";
  const known = recorded ? await knownRecord(edge, request) : await edge.commands.known(request);
  if (known !== undefined) return exchange.answer(edge, 200, known);
  await assertFresh(edge, header.iat);
  const payload: unknown = parsePayload(verb, parsed.payload);
  assertNet(edge, (payload as { readonly net: unknown }).net);
  checkOpenings(verb, received);
  if (verb === "access.void") {
    const voided = payload as Payload<"access.void">;
    const { record } = await edge.accesses.record({ type: "void", kid, payload: voided, jws, request, openings });
    return exchange.answer(edge, 200, answerOf(record));
  }
  if (verb === "access.accept") {
    if (party === undefined) throw notFound();
    const said = payload as Payload<"access.accept">;
    return exchange.answer(
      edge,
      200,
      answerOf(await edge.accesses.accept({ kid, party, payload: said, jws, request })),
    );
  }
  if (verb === "tally.sign") {
    const said = payload as Payload<"tally.sign">;
    return exchange.answer(edge, 200, answerOf(await edge.accesses.tally({ kid, payload: said, jws, request })));
  }
  const answer = await edge.commands.submit({ verb, payload, jws, request, openings, signer: party });
  return exchange.answer(edge, 200, answer);
}

async function knownRecord(edge: Edge, request: string): Promise<unknown> {
  const record = await edge.accesses.known(request);
  return record && answerOf(record);
}

const answerOf = ({ block, index, txId, log, record }: KnownRecord): unknown => ({
  block,
  index,
  txId,
  result: { log, record },
});
