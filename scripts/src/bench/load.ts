/**
 * The load: connections that each sign an access, send it, and wait for its receipt and the end of its data. Signing is part
 * of the load, not of the gateway, and shares this machine with it.
 */
import { signCommand, bodyOf, type Signer, systemRandom } from "@quanji/client";
import { Pool } from "undici";

export interface Caller {
  readonly signer: Signer;
  readonly grants: readonly { readonly resource: string; readonly grant: string }[];
  /** Which log it goes into: a caller keeps to one, so that its numbers are dense there. */
  readonly log: string;
  seq: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly net: string;
  readonly callers: readonly Caller[];
  readonly connections: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

export interface Measured {
  readonly accesses: number;
  readonly seconds: number;
  /** From sending the signed request to its receipt, ms, sorted. */
  readonly latencies: Float64Array;
  readonly failures: ReadonlyMap<string, number>;
}

const PATH = "/v1/access";
const RECEIPT = Buffer.from('"t":"receipt"');
const END = Buffer.from('"t":"end"');

export async function runLoad(options: LoadOptions): Promise<Measured> {
  const pool = new Pool(options.url, { connections: options.connections, pipelining: 1 });
  const begin = performance.now() + options.warmupMs;
  const end = begin + options.measureMs;
  const latencies: number[] = [];
  const failures = new Map<string, number>();
  let turn = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const number = turn++;
      const caller = options.callers[number % options.callers.length];
      if (caller === undefined) return;
      const target = caller.grants[Math.floor(number / options.callers.length) % caller.grants.length];
      if (target === undefined) return;
      const body = await signed(options, caller, target);
      const sent = performance.now();
      const { failure, receiptAt } = await call(pool, body);
      if (sent < begin || receiptAt >= end) continue;
      if (failure === undefined) latencies.push(receiptAt - sent);
      else failures.set(failure, (failures.get(failure) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  await pool.close();
  return {
    accesses: latencies.length,
    seconds: options.measureMs / 1000,
    latencies: Float64Array.from(latencies).sort(),
    failures,
  };
}

async function signed(
  { url, net }: LoadOptions,
  caller: Caller,
  { resource, grant }: Caller["grants"][number],
): Promise<{ readonly type: string; readonly text: string }> {
  const command = await signCommand({
    signer: caller.signer,
    verb: "access",
    url: url + PATH,
    nowMs: Date.now(),
    random: systemRandom,
    payload: {
      net,
      log: caller.log,
      seq: caller.seq++,
      resource,
      grant,
      action: "query",
      purpose: "bench.load",
      fields: ["day", "rain"],
      environment: { kind: "api", jurisdiction: "CN" },
      mode: "normal",
      quantity: 1,
    },
    values: { operator: { value: "load" }, query: { value: { limit: 1 } } },
  });
  return bodyOf(command);
}

interface Called {
  readonly failure?: string;
  readonly receiptAt: number;
}

/** By the pool's handlers: a stream for each answer would cost this side, and so this machine, more than the signature. */
function call(pool: Pool, { type, text }: { readonly type: string; readonly text: string }): Promise<Called> {
  return new Promise((resolve) => {
    let status = 0;
    let receiptAt = 0;
    let complete = false;
    const refused: Buffer[] = [];
    const failed = (what: string): void => resolve({ receiptAt: performance.now(), failure: what });
    pool.dispatch(
      { path: PATH, method: "POST", headers: { "content-type": type }, body: text },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: (_controller, chunk) => {
          if (receiptAt === 0 && chunk.includes(RECEIPT)) receiptAt = performance.now();
          if (chunk.includes(END)) complete = true;
          if (status !== 200) refused.push(chunk);
        },
        onResponseEnd: () => {
          if (complete) resolve({ receiptAt });
          else failed(`${status} ${codeIn(Buffer.concat(refused))}`);
        },
        onResponseError: (_controller, error) => failed(error.message),
      },
    );
  });
}

/** The code of a signed or plain problem, for the table of failures. */
function codeIn(body: Buffer): string {
  const text = body.toString("utf8");
  const payload = /"payload":"([A-Za-z0-9_-]+)"/.exec(text)?.[1];
  const problem = payload === undefined ? text : Buffer.from(payload, "base64url").toString("utf8");
  return /"code":"([A-Z_]+)"/.exec(problem)?.[1] ?? "cut";
}
