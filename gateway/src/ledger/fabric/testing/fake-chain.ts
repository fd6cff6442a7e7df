/** Test support: a peer that delivers made-up blocks, loses its connections, and is late with private values, as it is told. */
import { CODE } from "../../embedded/validator.js";
import { Signal } from "../../embedded/signal.js";
import type { FabricBlock } from "../decode.js";
import type { Deliverer, Delivery } from "../delivery.js";

export const blockOf = (number: number, change: Partial<FabricBlock> = {}): FabricBlock => ({
  number,
  hash: `hash of ${number}`,
  places: [{ txId: `tx${number}`, block: number, index: 0, code: CODE.VALID, result: `result ${number}` }],
  state: [{ key: "newest", value: String(number) }],
  hashes: [],
  purges: [],
  missing: [],
  block: { number, hash: `hash of ${number}`, transactions: [] },
  ...change,
});

export class FakeChain implements Deliverer {
  readonly blocks: FabricBlock[] = [];
  /** From where deliveries have been opened. */
  readonly opened: number[] = [];
  /** Next times that opening fails. */
  unreachable = 0;
  readonly #changed = new Signal();
  #epoch = 0;

  /** @param height blocks that are there. */
  constructor(height: number) {
    this.add(height);
  }

  add(count = 1, change: Partial<FabricBlock> = {}): void {
    for (let i = 0; i < count; i++) this.blocks.push(blockOf(this.blocks.length, change));
    this.#changed.notify();
  }

  /** Every open delivery fails. */
  cut(): void {
    this.#epoch++;
    this.#changed.notify();
  }

  open(from: number): Promise<Delivery> {
    if (this.unreachable > 0) {
      this.unreachable--;
      return Promise.reject(new Error("connection refused"));
    }
    this.opened.push(from);
    const epoch = this.#epoch;
    let next = from;
    let closed = false;
    return Promise.resolve({
      next: async () => {
        for (;;) {
          if (closed) return undefined;
          if (epoch !== this.#epoch) throw new Error("connection lost");
          const block = this.blocks[next];
          if (block !== undefined) {
            next++;
            return block;
          }
          await this.#changed.wait();
        }
      },
      close: () => {
        closed = true;
        this.#changed.notify();
      },
    });
  }
}
