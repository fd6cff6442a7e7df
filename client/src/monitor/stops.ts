/** What a monitor keeps of a trail while it is read, to prove it if a permit in it ignores a stop. */
import { isQuanjiError, PROOF_LIMITS, RECEIPT_FILE_LIMITS } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import type { Client } from "../sdk/index.js";
import { heldInReceipt, ignoredStops, type OpenedTrust, readShownChains, verifyEvidence } from "../verify/index.js";

/** Characters of command lines that are kept; a trail with more is not proven here. */
const MAX_KEPT = 16 * 1024 * 1024;
const CHAIN_LINE = /"t":"(?:chain|command|chainEnd)"/;

export class StopWatch {
  readonly #lines: string[] = [];
  #kept = 0;

  /** A line of the trail, as the gateway sent it. */
  see(line: string): void {
    if (this.#kept > MAX_KEPT || !CHAIN_LINE.test(line)) return;
    this.#kept += line.length;
    if (this.#kept > MAX_KEPT) this.#lines.length = 0;
    else this.#lines.push(`${line}\n`);
  }

  /**
   * The file that convicts the log of the permit, which the gateway's own receipt places in it; undefined where it shows no such
   * thing. Errors: UNREACHABLE.
   */
  async prove(client: Pick<Client, "receipt">, request: string, trust: OpenedTrust): Promise<string | undefined> {
    try {
      const { access } = await client.receipt(request);
      const held = heldInReceipt(canonical(access.jws, RECEIPT_FILE_LIMITS));
      const chains = await readShownChains(this.#lines.join(""));
      for (const proof of ignoredStops(chains, [held])) {
        const text = `${canonical(proof, PROOF_LIMITS)}\n`;
        if ((await verifyEvidence(text, trust)).ok) return text;
      }
      return undefined;
    } catch (error) {
      // A receipt that is refused or does not hold proves nothing: the trail is refused all the same, and that is told.
      if (isQuanjiError(error) && error.code !== "UNREACHABLE") return undefined;
      throw error;
    }
  }
}
