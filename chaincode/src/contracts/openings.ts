import { z } from "zod";
import { assertErasable, decodeRecord, type Payload, QuanjiError } from "../domain/index.js";
import type { Openings, VerifySignature } from "../log/index.js";
import { privateScope } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePrivate, privateNonce, receive, transientJson, useJti } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

type Erase = Payload<"record.erase">;

const Firsts = z.array(z.int().min(0));

/** What is opened of records: erased for ever. Commands enter through the organisation in whose log the records are. */
export class OpeningsContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("openings", verify);
  }

  /** Transient also `firsts`. Errors: those of a command; NOT_FOUND; STATE_CONFLICT: nothing of that field is kept. */
  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = await receive(state, this.verify, "openings", argument);
      if (command.verb !== "record.erase") throw new QuanjiError("MALFORMED", "no command of this contract");
      const { payload, facts } = command;
      const msp = state.world.submitterMsp;
      const firsts = firstsOf(state, payload);
      for (const [i, named] of payload.records.entries()) {
        const stored = await state.stored(msp, payload.log, firsts[i] ?? 0, named.index);
        const record = stored === undefined ? undefined : decodeRecord(stored);
        assertErasable(record, payload, named, facts);
      }
      await erase(state, msp, payload, firsts);
      const scope = privateScope((await state.network()).net, msp);
      await filePrivate(state, command, msp, [
        { scope, kind: "openings", id: payload.resource },
        { scope, kind: "acts", id: facts.signer },
      ]);
      await useJti(state, command);
      return DONE;
    });
  }
}

/** Where the records are stored the submitting gateway says: nobody else knows batches. A wrong word finds nothing. */
function firstsOf(state: State, { records }: Erase): readonly number[] {
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
