/**
 * Anchor proofs in the data folder, as they are served: each under its block's hash, and the newest under that name too. A proof is
 * written whole and never changed; one whose block the chain has given up is taken away.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import { ANCHOR_LIMITS, type AnchorProof } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import { putFile, readIfThere } from "@quanji/client";
import { anchorPath, type AnchorPlace, openAnchor } from "@quanji/client/verify";

/** Beside the proofs, and not served: the blocks of all of them, oldest first. */
const ORDER = "anchor.order.json";

export class AnchorStore {
  readonly #folder: string;

  /** `folder`: the log's own. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Exact bytes of a proof; undefined if there is none. `name`: `newest`, or 64 hex digits. */
  read(name: string): Promise<Uint8Array | undefined> {
    return readIfThere(path.join(this.#folder, "anchor", name));
  }

  /** Errors: MALFORMED for a file that somebody has altered. */
  async newest(): Promise<AnchorProof | undefined> {
    const block = (await this.#order()).at(-1);
    const bytes = block === undefined ? undefined : await readIfThere(this.#path(block));
    return bytes === undefined ? undefined : openAnchor(bytes);
  }

  /** The proof goes first: one that the order does not name is made again, and is the same. */
  async put(proof: AnchorProof): Promise<void> {
    const text = `${canonical(proof, ANCHOR_LIMITS)}\n`;
    const order = await this.#order();
    await putFile(this.#folder, anchorPath(placeOf(proof.block)), text);
    if (order.at(-1) !== proof.block)
      await this.#keepOrder([...order.filter((one) => one !== proof.block), proof.block]);
    await putFile(this.#folder, anchorPath("newest"), text);
  }

  /** Takes the newest away. The one before it is the newest then. */
  async drop(): Promise<void> {
    const order = await this.#order();
    const block = order.at(-1);
    if (block === undefined) return;
    const rest = order.slice(0, -1);
    const before = rest.at(-1);
    const bytes = before === undefined ? undefined : await readIfThere(this.#path(before));
    if (bytes === undefined) await rm(path.join(this.#folder, anchorPath("newest")), { force: true });
    else await putFile(this.#folder, anchorPath("newest"), bytes);
    await this.#keepOrder(rest);
    await rm(this.#path(block), { force: true });
  }

  async #order(): Promise<readonly string[]> {
    const bytes = await readIfThere(path.join(this.#folder, ORDER));
    return bytes === undefined ? [] : (JSON.parse(new TextDecoder().decode(bytes)) as readonly string[]);
  }

  #keepOrder(order: readonly string[]): Promise<void> {
    return putFile(this.#folder, ORDER, `${JSON.stringify(order)}\n`);
  }

  #path(block: string): string {
    return path.join(this.#folder, anchorPath(placeOf(block)));
  }
}

const placeOf = (block: string): AnchorPlace => block as AnchorPlace;
