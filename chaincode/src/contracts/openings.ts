import { z } from "zod";
import {
  applySeal,
  assertErasable,
  assertSealable,
  type CommandFacts,
  decodeRecord,
  type Payload,
  QuanjiError,
  recordLeaf,
  type SealCommand,
} from "../domain/index.js";
import { hashText, type Openings, type VerifySignature } from "../log/index.js";
import { privateKeys, privateScope } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePrivate, privateNonce, type Received, receive, transientJson, useJti } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

type Erase = Payload<"record.erase">;

const Firsts = z.array(z.int().min(0));

type Command = Received & { readonly verb: "record.erase" | "record.seal" | "record.unseal" };

/** What is opened of records: erased for ever, or sealed for a time. Commands enter where the records are. */
export class OpeningsContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("openings", verify);
  }

  /**
   * Transient also `firsts`, where records are named. Errors: those of a command; NOT_FOUND; STATE_CONFLICT: nothing of that field
   * is kept, or no such order is in force; ROLE_REQUIRED.
   */
  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "openings", argument)) as Command;
      const msp = state.world.submitterMsp;
      if (command.verb === "record.erase") await eraseNamed(state, msp, command.payload, command.facts);
      else await sealNamed(state, msp, command, command.facts);
      const scope = privateScope((await state.network()).net, msp);
      await filePrivate(state, command, msp, [
        { scope, kind: "openings", id: command.payload.resource },
        { scope, kind: "acts", id: command.facts.signer },
      ]);
      await useJti(state, command);
      return DONE;
    });
  }
}

async function eraseNamed(state: State, msp: string, payload: Erase, facts: CommandFacts): Promise<void> {
  const firsts = firstsOf(state, payload);
  for (const [i, named] of payload.records.entries()) {
    const stored = await state.stored(msp, payload.log, firsts[i] ?? 0, named.index);
    assertErasable(stored === undefined ? undefined : decodeRecord(stored), payload, named, facts);
  }
  await erase(state, msp, payload, firsts);
}

async function sealNamed(state: State, msp: string, command: SealCommand, facts: CommandFacts): Promise<void> {
  const { order } = command.payload;
  const after = applySeal(await state.seal(msp, order), command, facts);
  if (command.verb === "record.seal") {
    const { log, records } = command.payload;
    const firsts = firstsOf(state, command.payload);
    const found = [];
    for (const [i, { index }] of records.entries()) {
      const stored = await state.stored(msp, log, firsts[i] ?? 0, index);
      const leaf = stored === undefined ? "" : hashText(recordLeaf(stored));
      found.push({ record: stored === undefined ? undefined : decodeRecord(stored), leaf });
    }
    assertSealable(found, command.payload);
  }
  await state.putSealed(msp, privateKeys.seal(order), after, privateNonce(await state.secret(msp), state));
}

/** Where the records are stored the submitting gateway says: nobody else knows batches. A wrong word finds nothing. */
function firstsOf(state: State, { records }: Pick<Erase | Payload<"record.seal">, "records">): readonly number[] {
  const parsed = Firsts.safeParse(transientJson(state, "firsts"));
  if (parsed.success && parsed.data.length === records.length) return parsed.data;
  throw new QuanjiError("MALFORMED", "transient firsts has one batch for each record", { field: "firsts" });
}

/** Each batch once: what stands there is purged, and what is left of it is written anew. Errors: STATE_CONFLICT. */
async function erase(state: State, msp: string, { log, records }: Erase, firsts: readonly number[]): Promise<void> {
  const nonce = privateNonce(await state.secret(msp), state);
  for (const first of new Set(firsts)) {
    const { generation, openings } = await state.said(msp, log, first);
    const left = new Map(Object.entries(openings));
    for (const { index, fields } of records.filter((_, i) => firsts[i] === first)) {
      const rest = without(left.get(String(index)) ?? {}, fields, index);
      if (Object.keys(rest).length === 0) left.delete(String(index));
      else left.set(String(index), rest);
    }
    await state.endSaid(msp, log, first, generation, nonce);
    await state.putSaid(msp, { log, first, generation: generation + 1 }, Object.fromEntries(left), nonce);
  }
}

function without(openings: Openings, fields: readonly string[], index: number): Openings {
  const missing = fields.find((field) => !Object.hasOwn(openings, field));
  if (missing !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", `no ${missing} of record ${index} is kept: it was erased, or never told`, {
      field: "records",
      detail: "ERASED",
    });
  }
  return Object.fromEntries(Object.entries(openings).filter(([path]) => !fields.includes(path)));
}
