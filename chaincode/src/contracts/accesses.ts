import { instant, msOf, QuanjiError } from "../domain/index.js";
import type { LogState } from "../domain/index.js";
import {
  appendLeaves,
  canonical,
  frontierToJson,
  hashText,
  parseFrontier,
  rootOf,
  type VerifySignature,
} from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import { encode, type State } from "../world/state.js";
import { type BatchArguments, type BatchResult, LEAVES_EVENT, type LeavesEvent } from "../world/stored.js";
import { BatchArgumentsSchema, parseBatch } from "./batch-input.js";
import { BatchOverlay } from "./batch-overlay.js";
import { assertClock, MAX_CLOCK_SKEW_MS, parseArguments } from "./command.js";
import { QuanjiContract, type QuanjiContext } from "./context.js";
import { checkRequests } from "./requests.js";
import { lastsOf, namedBy, readAhead, readBasics } from "./read-ahead.js";
import { appendRecords } from "./records.js";

/** Accesses, deliveries, acceptances, tallies, voids and indexes, recorded in batches: one transaction, one log, one head. */
export class AccessContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("accesses", verify);
  }

  /**
   * Argument: {@link BatchArguments}; transient `batch`: BatchInput. Result: {@link BatchResult}; event: {@link LeavesEvent}.
   * Errors: HEAD_MOVED (this peer lags, or another batch came first), ROLE_REQUIRED (not the log's organisation),
   * NOT_RECORDED (time refused), and with `record` = i whatever record i is refused for. Denials are not errors.
   */
  recordBatch(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const args: BatchArguments = parseArguments(BatchArgumentsSchema, argument);
      assertClock(state);
      await readBasics(state, args.log);
      const log = await headOf(state, args);
      const batch = parseBatch(state.world.transient("batch"), args.digest);
      const network = await state.network();
      const gateway = await state.gateway(log.gateway);
      if (gateway === undefined) throw new QuanjiError("NOT_FOUND", "the log's gateway is not registered");
      const nowMs = await state.timeMs();
      assertTimes(batch.records, log, nowMs);
      const requests = await checkRequests(state, this.verify, batch, {
        network,
        gateway,
        log: log.origin,
      });
      const secret = await state.secret(log.msp);
      const overlay = new BatchOverlay(state, log, secret);
      const named = await namedBy(state, log, batch);
      const lasts = await lastsOf(state, log, batch);
      await readAhead(state, overlay, requests, named);
      const stored = await appendRecords({ state, overlay, network, named, lasts }, batch, requests);
      const leaves = stored.map(({ leaf }) => leaf);
      const frontier = appendLeaves(parseFrontier(log.size, log.frontier), leaves);
      const root = hashText(rootOf(frontier));
      const next: LogState = {
        ...log,
        size: frontier.size,
        root,
        frontier: frontierToJson(frontier),
        time: batch.records.at(-1)?.time ?? log.time,
      };
      await overlay.write(batch.nonce, stored);
      await state.world.put(publicKeys.log(log.origin), encode(next));
      const event: LeavesEvent = { log: log.origin, first: log.size, leaves: leaves.map(hashText) };
      state.world.emit(LEAVES_EVENT, JSON.stringify(event));
      const result: BatchResult = { size: next.size, root };
      return canonical(result);
    });
  }
}

async function headOf(state: State, args: BatchArguments): Promise<LogState> {
  const log = await state.log(args.log);
  if (log === undefined) throw new QuanjiError("NOT_FOUND", "no such log", { field: "log" });
  if (log.msp !== state.world.submitterMsp) {
    throw new QuanjiError("ROLE_REQUIRED", "a log is written by the gateways of its own organisation");
  }
  if (log.size !== args.size || log.root !== args.root) {
    throw new QuanjiError("HEAD_MOVED", "the log's head is another one here", { detail: `size ${log.size}` });
  }
  return log;
}

/** Times never decrease within a log and are the transaction's or up to 30 s earlier. Errors: NOT_RECORDED with `record`. */
function assertTimes(records: readonly { readonly time: string }[], log: LogState, nowMs: number): void {
  let last = msOf(log.time);
  records.forEach(({ time }, record) => {
    const ms = msOf(time);
    if (ms < last || ms > nowMs || ms < nowMs - MAX_CLOCK_SKEW_MS) {
      throw new QuanjiError("NOT_RECORDED", "a record's time is outside its bounds", {
        record,
        detail: instant(nowMs),
      });
    }
    last = ms;
  });
}
