/** A small disk of its own for one folder, on a loop device, to be filled and freed. Needs the right to mount (root). */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const run = (file: string, ...args: string[]): void => void execFileSync(file, args, { stdio: "pipe" });

/** Whether this process may mount a file as a disk. */
export function mayMakeDisks(): boolean {
  const folder = mkdtempSync(path.join(tmpdir(), "quanji-disk-"));
  try {
    Disk.mount(folder, 4)[Symbol.dispose]();
    return true;
  } catch {
    return false; // the suite says that it is skipped, and why
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export class Disk implements Disposable {
  readonly #folder: string;
  readonly #image: string;

  private constructor(folder: string, image: string) {
    this.#folder = folder;
    this.#image = image;
  }

  /** Mounts an empty disk over the folder, which is made if it is not there. */
  static mount(folder: string, megabytes: number): Disk {
    const image = path.join(mkdtempSync(path.join(tmpdir(), "quanji-image-")), "disk");
    try {
      run("truncate", "-s", `${megabytes}M`, image);
      run("mkfs.ext4", "-q", "-m", "0", image);
      mkdirSync(folder, { recursive: true });
      run("mount", "-o", "loop", image, folder);
      rmSync(path.join(folder, "lost+found"), { recursive: true });
    } catch (error) {
      rmSync(path.dirname(image), { recursive: true });
      throw error;
    }
    return new Disk(folder, image);
  }

  /** Takes all that is left of it, as something else on the same disk might. */
  fill(): void {
    for (const bytes of [free(this.#folder), 4096]) {
      try {
        run("fallocate", "-l", String(bytes), path.join(this.#folder, `filler-${bytes}`));
      } catch {
        // Not a block is left: that is what is wanted.
      }
    }
  }

  free(): void {
    run("find", this.#folder, "-maxdepth", "1", "-name", "filler-*", "-delete");
  }

  [Symbol.dispose](): void {
    // Lazy, for a process that has been killed may hold files for a moment still.
    run("umount", "--lazy", this.#folder);
    rmSync(path.dirname(this.#image), { recursive: true });
  }
}

const free = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};
