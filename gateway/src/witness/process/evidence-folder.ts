/** Where proofs are kept for everybody to fetch: one file each, named by its digest, whole or not there. */
import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import path from "node:path";
import {
  type BlockForkProof,
  type ForkProof,
  LEDGER_FORK_LIMITS,
  type LedgerForkProof,
} from "@quanji/chaincode/domain";
import { canonical, sha256Text } from "@quanji/chaincode/log";

const SUFFIX = ".evidence.json";
const NAME = /^[A-Za-z0-9_-]{43}\.evidence\.json$/;
/** A log that lies in a loop may not fill the disk: one proof convicts it as well as a thousand. */
const MAX_FILES = 1_000;
const LIMITS = { ...LEDGER_FORK_LIMITS, maxDepth: 3 };

/** What witnesses and gateways find and publish. */
export type Published = ForkProof | BlockForkProof | LedgerForkProof;

export class EvidenceFolder {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<EvidenceFolder> {
    await mkdir(folder, { recursive: true });
    return new EvidenceFolder(folder);
  }

  /** Resolves once the file is on disk; answers its path, or undefined where the folder is full. */
  async keep(proof: Published): Promise<string | undefined> {
    const text = canonical(proof, LIMITS);
    const file = path.join(this.#folder, `${sha256Text(text)}${SUFFIX}`);
    const names = await this.names();
    if (names.includes(path.basename(file))) return file;
    if (names.length >= MAX_FILES) return undefined;
    const handle = await open(`${file}.part`, "w");
    try {
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.part`, file);
    return file;
  }

  async names(): Promise<readonly string[]> {
    return (await readdir(this.#folder)).filter((name) => NAME.test(name)).sort();
  }

  /** Undefined for a name that is not of such a file, or is not there. */
  async read(name: string): Promise<string | undefined> {
    if (!(await this.names()).includes(name)) return undefined;
    return readFile(path.join(this.#folder, name), "utf8");
  }
}
