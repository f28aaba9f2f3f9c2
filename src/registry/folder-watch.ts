import { type FSWatcher, watch } from 'node:fs';

/** Events of one change come in bursts; a look is taken once they pause for so long. */
const BURST_MS = 50;
/** Each watched folder costs the system a little; with more of them, changes in the rest are seen at the interval. */
const MOST_FOLDERS = 1000;

/**
 * Says when one of some folders may have changed: on events where the file system sends them, and at an interval,
 * because network file systems send none, and links may be swapped far above what is watched.
 */
export class FolderWatch {
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly poll: NodeJS.Timeout;
  private burst: NodeJS.Timeout | undefined;
  private isDeaf = false;

  /** @param onDeaf told once when there are no events, and why: changes are then seen at the interval only */
  constructor(
    intervalMs: number,
    private readonly onChange: () => void,
    private readonly onDeaf: (error: Error) => void,
  ) {
    this.poll = setInterval(onChange, intervalMs);
    this.poll.unref();
  }

  /** The folders to watch from now on, the most important first. Each for itself: not what lies in it. */
  update(folders: readonly string[]): void {
    const wanted = new Set(folders.slice(0, MOST_FOLDERS));
    for (const folder of [...this.watchers.keys()]) if (!wanted.has(folder)) this.forget(folder);
    for (const folder of wanted) if (!this.watchers.has(folder)) this.add(folder);
  }

  close(): void {
    clearInterval(this.poll);
    clearTimeout(this.burst);
    this.update([]);
  }

  private add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        clearTimeout(this.burst);
        this.burst = setTimeout(this.onChange, BURST_MS);
        this.burst.unref();
      });
      watcher.on('error', () => {
        this.forget(folder); // it is gone: the folder around it has told so
      });
      this.watchers.set(folder, watcher);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || this.isDeaf) return;
      this.isDeaf = true;
      this.onDeaf(error as Error);
    }
  }

  private forget(folder: string): void {
    this.watchers.get(folder)?.close();
    this.watchers.delete(folder);
  }
}
