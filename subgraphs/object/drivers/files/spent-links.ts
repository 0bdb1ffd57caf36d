/** Which links of uploads have been used: an empty file for each, in a folder that all processes share. */
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OBJECT } from '../../bounds.ts';
import type { UploadLink } from '../../driver.ts';
import { endOfSpent, spentName } from '../../links/spent-name.ts';
import { filesError, isAbsent } from './errors.ts';
import { syncFolder } from './folders.ts';

export class SpentLinks {
  readonly #folder: string;
  #swept = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns false where the link has been used before */
  async spend(link: UploadLink): Promise<boolean> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await this.#sweep();
      await (await open(this.#path(link), 'wx', 0o600)).close();
      await syncFolder(this.#folder);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw filesError(error);
    }
  }

  async restore(link: UploadLink): Promise<void> {
    await unlink(this.#path(link));
  }

  /** Forgets links that have ended: they are refused for that. */
  async #sweep(): Promise<void> {
    const now = Date.now();
    if (now - this.#swept < OBJECT.spentSweepMs) return;
    this.#swept = now;
    for (const name of await readdir(this.#folder)) {
      if (endOfSpent(name) > now) continue;
      await unlink(join(this.#folder, name)).catch((error: unknown) => {
        if (!isAbsent(error)) throw error; // Absent: another process was first.
      });
    }
  }

  #path(link: UploadLink): string {
    return join(this.#folder, spentName(link));
  }
}
