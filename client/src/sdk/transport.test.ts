import { QuanjiError } from "@quanji/chaincode/domain";
import { utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { type Fetch, exchange, splitLines } from "./transport.js";

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array, void, void> {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    yield await Promise.resolve(bytes.subarray(start, end));
    start = end;
  }
}

async function linesOf(text: string, cuts: readonly number[] = []): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(pieces(utf8(text), cuts))) lines.push(new TextDecoder().decode(line));
  return lines;
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "none",
    (error: unknown) => (error instanceof QuanjiError ? `${error.code} ${error.detail ?? ""}` : error),
  );

describe("transport", () => {
  it("lines are the same wherever the chunks end", async () => {
    const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", ""));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, cuts) => {
        expect(await linesOf(lines.map((text) => `${text}\n`).join(""), cuts)).to.deep.equal(lines);
      }),
    );
  });

  it("a last line without its line feed is a torn one", async () => {
    expect(await codeOf(linesOf("whole\ntorn"))).to.equal("UNREACHABLE CUT");
  });

  it("an answer that does not begin in time, and one that stops in the middle: UNREACHABLE · DEADLINE", async () => {
    const hangs = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      });
    const silent: Fetch = (_url, init) => hangs(init!.signal!);
    const deadlines = { answerMs: 1, idleMs: 1 };
    const request = { url: "http://gw.test/", method: "GET" as const };
    expect(await codeOf(exchange(silent, request, deadlines))).to.equal("UNREACHABLE DEADLINE");
    const stalls: Fetch = (_url, init) => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(utf8("a ")),
        pull: () => hangs(init!.signal!),
      });
      return Promise.resolve(new Response(body));
    };
    const reply = await exchange(stalls, request, deadlines);
    expect(await codeOf(reply.text())).to.equal("UNREACHABLE DEADLINE");
  });

  it("an answer that drips, byte by byte and never a line: UNREACHABLE · DEADLINE, however steadily it comes", async () => {
    const drips: Fetch = (_url, init) => {
      const { signal } = init!;
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          await new Promise((resolve) => setImmediate(resolve));
          if (signal?.aborted === true) controller.error(new Error("aborted"));
          else controller.enqueue(utf8("x"));
        },
      });
      return Promise.resolve(new Response(body));
    };
    const request = { url: "http://gw.test/", method: "GET" as const };
    const drip = (): ReturnType<typeof exchange> => exchange(drips, request, { answerMs: 60_000, idleMs: 20 });
    const lines = async (): Promise<void> => {
      for await (const line of (await drip()).lines()) throw new Error(`a line of ${line.length} bytes`);
    };
    expect(await codeOf(lines())).to.equal("UNREACHABLE DEADLINE");
    expect(await codeOf((await drip()).text())).to.equal("UNREACHABLE DEADLINE");
  });

  it("who reads slowly is not late: only the other side's time counts", async () => {
    const comes: Fetch = () =>
      Promise.resolve(
        new Response(
          new ReadableStream<Uint8Array>({
            start: (controller) => {
              for (let i = 0; i < 2; i++) controller.enqueue(utf8("line\n"));
              controller.close();
            },
          }),
        ),
      );
    const reply = await exchange(comes, { url: "http://gw.test/", method: "GET" }, { answerMs: 60_000, idleMs: 1000 });
    let lines = 0;
    for await (const _line of reply.lines()) {
      if (lines++ === 0) await new Promise((resolve) => setTimeout(resolve, 1100));
    }
    expect(lines).to.equal(2);
  });

  it("a redirect is not followed: a command is signed for one URL", async () => {
    let mode: unknown;
    const spy: Fetch = (_url, init) => {
      mode = init?.redirect;
      return Promise.resolve(new Response("x", { headers: { "content-type": "Text/Plain; charset=utf-8" } }));
    };
    const reply = await exchange(spy, { url: "http://gw.test/", method: "GET" });
    expect([mode, reply.type, await reply.text()]).to.deep.equal(["error", "text/plain", "x"]);
  });
});
