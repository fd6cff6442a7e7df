import { expect } from "chai";
import { Bell, pause, rest } from "./pause.js";

describe("recorder: waiting", () => {
  it("a pause ends when its signal aborts, before or after it began", async () => {
    const stop = new AbortController();
    const paused = pause(3_600_000, stop.signal);
    stop.abort();
    await paused;
    await pause(3_600_000, stop.signal);
    await pause(0);
  });

  it("a rest keeps no process alive, and ends like a pause", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const stop = new AbortController();
    const before = timers();
    const paused = pause(3_600_000, stop.signal);
    expect(timers()).to.equal(before + 1);
    const rested = rest(3_600_000, stop.signal);
    expect(timers()).to.equal(before + 1);
    stop.abort();
    await Promise.all([paused, rested]);
  });

  it("a ring wakes who waits and leaves no timer behind; a ring that nobody waits for is lost", async () => {
    const bell = new Bell();
    const signals: (AbortSignal | undefined)[] = [];
    const never = (_ms: number, signal?: AbortSignal): Promise<void> => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    bell.ring();
    const waiting = bell.wait(never, 5);
    let woken = false;
    const woke = waiting.then(() => (woken = true));
    await Promise.resolve();
    expect(woken).to.equal(false);
    bell.ring();
    await woke;
    expect(signals.map((signal) => signal?.aborted)).to.deep.equal([true]);
  });

  it("without a time only a ring wakes", async () => {
    const bell = new Bell();
    const waiting = bell.wait(() => Promise.reject(new Error("no time was given")), undefined);
    bell.ring();
    await waiting;
  });

  it("time wakes without a ring", async () => {
    await new Bell().wait(() => Promise.resolve(), 5);
  });
});
