/**
 * As whom a gateway acts: its certificate and key, read again when their files have changed. So a certificate that is renewed
 * before it ends, or replaced after it was revoked, needs no restart.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { QuanjiError } from "@quanji/chaincode/domain";

export interface Identity {
  readonly certificatePem: string;
  readonly key: KeyObject;
}

export interface IdentityFiles {
  readonly certificate: string;
  readonly privateKey: string;
}

/** How often the files' times are looked at, at most. */
const LOOK_MS = 1_000;

export class LiveIdentity {
  readonly #files: IdentityFiles;
  readonly #report: (error: unknown) => void;
  readonly #clock: () => number;
  #current: Identity;
  #stamp: string;
  #lookedMs: number;

  /**
   * @param report told why changed files are not taken over, once for each change: what was read before stays in use
   * Errors: CONFIG_INVALID · field `fabric.profile`, naming the file
   */
  constructor(files: IdentityFiles, report: (error: unknown) => void, clock: () => number = Date.now) {
    this.#files = files;
    this.#report = report;
    this.#clock = clock;
    this.#lookedMs = clock();
    this.#stamp = stampOf(files);
    this.#current = readIdentity(files);
  }

  /** The same object for as long as the files stay as they are. */
  get current(): Identity {
    const nowMs = this.#clock();
    if (nowMs - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = nowMs;
      this.#look();
    }
    return this.#current;
  }

  #look(): void {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp; // also if they turn out not to fit: whoever writes the second of two files changes it again
    try {
      this.#current = readIdentity(this.#files);
    } catch (error) {
      this.#report(error);
    }
  }
}

const stampOf = ({ certificate, privateKey }: IdentityFiles): string =>
  [certificate, privateKey]
    .map((file) => {
      const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? "none" : `${stat.mtimeNs} ${stat.size} ${stat.ino}`;
    })
    .join(" ");

const invalid = (problem: string, cause?: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `fabric.profile: identity: ${problem}`, { field: "fabric.profile", cause });

function readIdentity({ certificate, privateKey }: IdentityFiles): Identity {
  const certificatePem = textOf(certificate);
  const keyPem = textOf(privateKey);
  let fits: boolean;
  let key: KeyObject;
  try {
    key = createPrivateKey(keyPem);
    fits = new X509Certificate(certificatePem).checkPrivateKey(key);
  } catch (cause) {
    throw invalid(`the certificate or its key is no PEM (${certificate}, ${privateKey})`, cause);
  }
  if (!fits) throw invalid(`the private key does not belong to the certificate (${certificate}, ${privateKey})`);
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw invalid(`the private key must be an EC key on P-256 (${privateKey})`);
  }
  return { certificatePem, key };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw invalid(`${file} cannot be read; \`npm run network -- up\` makes it`, cause);
  }
}
