/**
 * Signatures of Ethereum keys are checked on a thread of their own: each takes milliseconds of JavaScript, and whoever knows a key's
 * name can send forged ones. Accesses must not wait for that. All others go where they always went.
 */
import { Worker } from "node:worker_threads";
import { type EthereumJwk, type VerifySignature, verifyTyped } from "@quanji/chaincode/log";

export interface Check {
  readonly id: number;
  readonly jwk: EthereumJwk;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}
export interface Checked {
  readonly id: number;
  readonly good: boolean;
}

const startWorker = (): Worker => new Worker(new URL("./ethereum-checks.worker.js", import.meta.url));

export class EthereumChecks {
  readonly #plain: VerifySignature;
  readonly #start: () => Worker;
  readonly #waiting = new Map<number, { readonly check: Check; readonly resolve: (good: boolean) => void }>();
  #worker: Worker | undefined;
  #checks = 0;

  constructor(plain: VerifySignature, start: () => Worker = startWorker) {
    this.#plain = plain;
    this.#start = start;
  }

  readonly verify: VerifySignature = (jwk, data, signature) => {
    if (jwk.crv !== "secp256k1") return this.#plain(jwk, data, signature);
    const check = { id: this.#checks++, jwk, data, signature };
    this.#worker ??= this.#open();
    const { promise, resolve } = resolvable();
    this.#waiting.set(check.id, { check, resolve });
    this.#worker.postMessage(check);
    return promise;
  };

  /** At the first Ethereum key: most gateways meet none. It keeps no process alive. */
  #open(): Worker {
    const worker = this.#start();
    worker.unref();
    worker.on("message", ({ id, good }: Checked) => {
      this.#waiting.get(id)?.resolve(good);
      this.#waiting.delete(id);
    });
    worker.on("error", () => undefined); // `exit` follows; without a listener it is thrown
    worker.on("exit", () => this.#takeBack(worker));
    return worker;
  }

  /** What a thread that is gone had not answered is checked here; the next check starts another. */
  #takeBack(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined;
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { check, resolve } of left) resolve(verifyTyped(check.jwk, check.data, check.signature));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}

function resolvable(): { readonly promise: Promise<boolean>; readonly resolve: (good: boolean) => void } {
  let resolve: (good: boolean) => void = () => undefined;
  const promise = new Promise<boolean>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
