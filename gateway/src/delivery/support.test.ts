/** What the tests of delivery share: fields, requests, sources made by hand, real HTTP servers. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { isQuanjiError, type QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { type AccessTerms, parseQuery, planRequest } from "./query.js";
import type { Field, FieldType, Row } from "./row.js";
import type { Source, SourceRequest } from "./source.js";

export const field = (name: string, type: FieldType = "string"): Field => ({ name, type, grade: "general-1" });

export const WEATHER: readonly Field[] = [
  field("date", "date"),
  field("station"),
  field("tempMax", "number"),
  field("gusts", "integer"),
  field("wet", "boolean"),
  field("seen", "datetime"),
];

export const terms = (overrides: Partial<AccessTerms> = {}): AccessTerms => ({
  fields: WEATHER,
  rangeField: "date",
  requested: WEATHER.map(({ name }) => name),
  quantity: 1000,
  timeZone: "+08:00",
  ...overrides,
});

export const plan = (query: unknown = {}, overrides: Partial<AccessTerms> = {}): SourceRequest =>
  planRequest(parseQuery(query), terms(overrides));

/** The QuanjiError that `act` throws; anything else is a defect. */
export function thrown(act: () => unknown): QuanjiError {
  try {
    act();
  } catch (error) {
    if (isQuanjiError(error)) return error;
    throw error;
  }
  return expect.fail("nothing was thrown");
}

export async function rejected(act: () => Promise<unknown>): Promise<QuanjiError> {
  try {
    await act();
  } catch (error) {
    if (isQuanjiError(error)) return error;
    throw error;
  }
  return expect.fail("nothing was rejected");
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Rows lose their missing prototype, so that they compare with literals. */
export const plain = (rows: readonly Row[]): Record<string, unknown>[] => rows.map((row) => ({ ...row }));

export const never = (): AbortSignal => new AbortController().signal;

export const rowsOf = async (source: Source, request: SourceRequest, signal = never()) =>
  plain(await collect(source.open(request, signal)));

export async function* bytesOf(...pieces: (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void, void> {
  for (const piece of pieces) {
    await Promise.resolve();
    yield typeof piece === "string" ? Buffer.from(piece, "utf8") : piece;
  }
}

export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly port: number;
  /** Paths with query that were asked for, in order. */
  readonly asked: readonly string[];
}

/** A real server on loopback. */
export async function serve(listener: RequestListener): Promise<TestServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
