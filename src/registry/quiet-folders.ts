import { type VersionEntry } from './repository.js';

/** Tells whether folders have been left alone for long enough to be read: they may still be being copied. */
export class QuietFolders {
  /** When each folder was first seen as it is now, by the monotonic clock. */
  private readonly seen = new Map<string, { stamp: string; since: number }>();

  constructor(private readonly quietMs: number) {}

  /** Milliseconds until a folder will have been left alone for long enough; 0 when it has. */
  left({ folder, stamp }: VersionEntry): number {
    const age = Date.now() - stamp.newest;
    if (age >= this.quietMs) return 0;
    // The file system's clock may be another one: what stays the same for long enough by ours is quiet, too.
    const now = performance.now();
    const seen = this.seen.get(folder);
    if (seen?.stamp !== stamp.text) {
      this.seen.set(folder, { stamp: stamp.text, since: now });
      return this.quietMs;
    }
    const left = seen.since + this.quietMs - now;
    if (left <= 0) this.seen.delete(folder);
    return Math.max(0, left);
  }

  /** Forgets the folders that are not there any more. */
  keep(folders: ReadonlySet<string>): void {
    for (const folder of this.seen.keys()) if (!folders.has(folder)) this.seen.delete(folder);
  }
}
