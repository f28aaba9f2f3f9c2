import { type LoadedVersion } from './loaded-version.js';
import { type VersionEntry } from './repository.js';

/** DISCOVERED → LOADING → CHECKING → READY → DRAINING → UNLOADED, or FAILED with a reason. */
export const VERSION_STATES = ['DISCOVERED', 'LOADING', 'CHECKING', 'READY', 'DRAINING', 'UNLOADED', 'FAILED'] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** Loads a version; told when the file is in memory and only its checks are left. */
export type LoadVersion = (version: ModelVersion, onChecking: () => void) => Promise<LoadedVersion>;

/** One version of a model and the state it is in. */
export class ModelVersion {
  state: VersionState = 'DISCOVERED';
  /** Why it is FAILED or UNLOADED, or why a change of its files is not in force: one line for people. */
  reason: string | undefined;
  /** Seconds that loading and checking took. */
  loadSeconds: number | undefined;
  /** Present while READY. */
  loaded: LoadedVersion | undefined;
  /** true: loaded by the first request that needs it, which waits for it; false: loaded when it is there. */
  isLazy = false;
  private exclusion: { state: 'FAILED' | 'UNLOADED'; reason: string } | undefined;
  private isDismissed = false;
  /** The stamp of the files that were read last, whatever came of it. */
  private readStamp: string | undefined;
  private loading: Promise<void> | undefined;
  private reloading: Promise<void> | undefined;
  /** Loads that were replaced, and still answer what they had taken on. */
  private readonly draining = new Set<Promise<void>>();

  constructor(
    readonly model: string,
    /** What the storage holds now. */
    public entry: VersionEntry,
    private readonly onChange: (version: ModelVersion, from: VersionState) => void,
  ) {}

  get version(): string {
    return this.entry.version;
  }

  /** Whether its load is still to come or under way. */
  get isPending(): boolean {
    return this.state === 'DISCOVERED' || this.state === 'LOADING' || this.state === 'CHECKING';
  }

  /** Whether a request may be answered by it, now or once it has been loaded for that request. */
  get canServe(): boolean {
    return this.state === 'READY' || (this.isLazy && this.isPending);
  }

  /** Whether its files changed since they were read. */
  get hasChanged(): boolean {
    return this.readStamp !== undefined && this.readStamp !== this.entry.stamp.text;
  }

  /** Loads it, once however many ask at the same time. Never rejects: what went wrong is its reason. */
  load(load: LoadVersion): Promise<void> {
    if (!this.isPending) return Promise.resolve();
    this.loading ??= this.loadNow(load).finally(() => (this.loading = undefined));
    return this.loading;
  }

  /**
   * Follows a change of its files. One that serves goes on until what replaces it is READY; where that fails, it keeps
   * serving, and says why. Never rejects.
   *
   * @param digestOf its files' digest: where only their times changed, nothing is loaded
   */
  async reload(load: LoadVersion, digestOf: (folder: string) => Promise<string>): Promise<void> {
    await this.loading;
    if (!this.hasChanged) return;
    const { loaded, entry } = this;
    if (loaded?.digest === (await digestOf(entry.folder).catch(() => ''))) {
      this.readStamp = entry.stamp.text;
      if (this.reason !== undefined) this.enter('READY');
      return;
    }
    if (!loaded) {
      this.enter('DISCOVERED');
      await this.load(load);
      return;
    }
    this.reloading = this.replace(loaded, load);
    await this.reloading;
  }

  /** Keeps it from being served, for a reason that lies outside its own files. */
  exclude(state: 'FAILED' | 'UNLOADED', reason: string): void {
    if (this.exclusion?.reason === reason) return;
    this.exclusion = { state, reason };
    if (this.loaded ?? this.loading) void this.unload();
    else this.enter(state, reason);
  }

  /** Lets it be served again. */
  include(): void {
    if (!this.exclusion) return;
    this.exclusion = undefined;
    if (this.state !== 'DRAINING') this.enter('DISCOVERED');
  }

  /** Stops serving, answers what it has taken on, and gives its memory back. */
  async unload(): Promise<void> {
    await this.loading;
    await this.reloading;
    const { loaded } = this;
    if (loaded) {
      this.loaded = undefined;
      this.enter('DRAINING', this.exclusion?.reason);
      await drain(loaded);
    }
    await Promise.all(this.draining);
    this.readStamp = undefined;
    if (this.isDismissed) this.enter('UNLOADED');
    else if (this.exclusion) this.enter(this.exclusion.state, this.exclusion.reason);
    else this.enter('DISCOVERED'); // let in again meanwhile
  }

  /** Unloads it for good: it is not there any more. */
  async dismiss(): Promise<void> {
    this.isDismissed = true;
    await this.unload();
  }

  private async loadNow(load: LoadVersion): Promise<void> {
    const started = performance.now();
    this.readStamp = this.entry.stamp.text;
    this.enter('LOADING');
    try {
      this.loaded = await load(this, () => {
        this.enter('CHECKING');
      });
      this.loadSeconds = (performance.now() - started) / 1000;
      this.enter('READY');
    } catch (error) {
      this.enter('FAILED', (error as Error).message);
    }
  }

  private async replace(old: LoadedVersion, load: LoadVersion): Promise<void> {
    const started = performance.now();
    this.readStamp = this.entry.stamp.text;
    try {
      this.loaded = await load(this, () => undefined);
      this.loadSeconds = (performance.now() - started) / 1000;
      this.enter('READY');
      const drained = drain(old).finally(() => this.draining.delete(drained));
      this.draining.add(drained);
    } catch (error) {
      this.enter('READY', `its files changed, and what was loaded before still serves: ${(error as Error).message}`);
    }
  }

  private enter(state: VersionState, reason?: string): void {
    const from = this.state;
    this.state = state;
    this.reason = reason;
    this.onChange(this, from);
  }
}

/** Requests that resolved to it a moment ago have not all reached its queue: they do before the next turn. */
async function drain(loaded: LoadedVersion): Promise<void> {
  await new Promise(setImmediate);
  await loaded.release();
}
