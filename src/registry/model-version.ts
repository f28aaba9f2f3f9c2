import { type Exclusion } from './exclusion.js';
import { type LoadedVersion } from './loaded-version.js';
import { type VersionEntry } from './repository.js';

/** DISCOVERED → LOADING → CHECKING → READY → DRAINING → UNLOADED, or FAILED with a reason. */
export const VERSION_STATES = ['DISCOVERED', 'LOADING', 'CHECKING', 'READY', 'DRAINING', 'UNLOADED', 'FAILED'] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** Loads a version; told when the file is in memory and only its checks are left. */
export type LoadVersion = (version: ModelVersion, onChecking: () => void) => Promise<LoadedVersion>;

/**
 * One version of a model and the state it is in.
 *
 * What is wanted of it (`exclude`, `include`, `dismiss`) holds at once, whatever is under way: what is excluded takes
 * no request from that moment on. What takes time follows: one load at a time (`work`), which finds out at its end
 * whether it is still wanted, and any number of replaced loads that answer what they had taken on (`draining`).
 */
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
  private exclusion: Exclusion | undefined;
  private isDismissed = false;
  /** The stamp of the files that were read last, whatever came of it. */
  private readStamp: string | undefined;
  /** The load or reload under way; never rejects. */
  private work: Promise<void> | undefined;
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
  async load(load: LoadVersion): Promise<void> {
    while (this.isPending) await (this.work ?? this.start(() => this.bring(load)));
  }

  /**
   * Follows a change of its files. One that serves goes on until what replaces it is READY; where that fails, it keeps
   * serving, and says why. Never rejects.
   *
   * @param digestOf its files' digest: where only their times changed, nothing is loaded
   */
  async reload(load: LoadVersion, digestOf: (folder: string) => Promise<string>): Promise<void> {
    while (this.work) await this.work;
    if (!this.hasChanged) return;
    await this.start(async () => {
      const { folder, stamp } = this.entry;
      const digest = await digestOf(folder).catch(() => '');
      if (!this.hasChanged) return; // nor where it was let go of meanwhile
      if (this.loaded?.digest !== digest) return this.bring(load);
      this.readStamp = stamp.text;
      if (this.reason !== undefined) this.enter('READY');
    });
  }

  /** Has one that FAILED loaded again, though its files are the same. */
  retry(): void {
    if (this.state !== 'FAILED' || this.isBarred) return;
    this.readStamp = undefined;
    this.enter('DISCOVERED');
  }

  /** Keeps it from being served, for a reason that lies outside its own files. */
  exclude(state: 'FAILED' | 'UNLOADED', reason: string): void {
    if (this.exclusion?.reason === reason) return;
    this.exclusion = { state, reason };
    this.letGo();
  }

  /** Lets it be served again; what it still answers from before goes on beside its new load. */
  include(): void {
    if (!this.exclusion) return;
    this.exclusion = undefined;
    this.enter('DISCOVERED');
  }

  /** Stops serving once its load is over, answers what it has taken on, and gives its memory back. */
  async unload(): Promise<void> {
    while (this.work) await this.work;
    this.letGo();
    await this.idle();
  }

  /** Unloads it for good: it is not there any more. */
  async dismiss(): Promise<void> {
    this.isDismissed = true;
    this.letGo();
    await this.idle();
  }

  /** Resolves once nothing of it is being loaded or drained. */
  async idle(): Promise<void> {
    while (!this.isIdle) await Promise.all([this.work, ...this.draining]);
  }

  private get isIdle(): boolean {
    return this.work === undefined && this.draining.size === 0;
  }

  /** Whether it must not serve, whatever its files hold. */
  private get isBarred(): boolean {
    return this.isDismissed || this.exclusion !== undefined;
  }

  private start(work: () => Promise<void>): Promise<void> {
    this.work = work().finally(() => {
      this.work = undefined;
      this.endDraining();
    });
    return this.work;
  }

  /** Loads it: for the first time, or beside what serves, whose place it takes in one step. */
  private async bring(load: LoadVersion): Promise<void> {
    const started = performance.now();
    const stamp = this.entry.stamp.text;
    this.readStamp = stamp;
    if (!this.loaded) this.enter('LOADING');
    try {
      const fresh = await load(this, () => {
        if (!this.loaded && !this.isBarred) this.enter('CHECKING');
      });
      if (this.isBarred) {
        this.drain(fresh);
        return;
      }
      const old = this.loaded;
      this.loaded = fresh;
      this.readStamp = stamp;
      this.loadSeconds = (performance.now() - started) / 1000;
      this.enter('READY');
      if (old) this.drain(old);
    } catch (error) {
      if (this.isBarred) return;
      this.readStamp = stamp;
      const { message } = error as Error;
      if (this.loaded) this.enter('READY', `its files changed, and what was loaded before still serves: ${message}`);
      else this.enter('FAILED', message);
    }
  }

  /** Takes it out of service now. */
  private letGo(): void {
    const { loaded } = this;
    this.loaded = undefined;
    this.readStamp = undefined;
    if (loaded) this.drain(loaded);
    if (this.isIdle) this.rest();
    else this.enter('DRAINING', this.exclusion?.reason);
  }

  private drain(loaded: LoadedVersion): void {
    const drained = drain(loaded).finally(() => {
      this.draining.delete(drained);
      this.endDraining();
    });
    this.draining.add(drained);
  }

  private endDraining(): void {
    if (this.state === 'DRAINING' && this.isIdle) this.rest();
  }

  /** Enters the state of one that nothing is loaded of. */
  private rest(): void {
    if (this.isDismissed) this.enter('UNLOADED');
    else if (this.exclusion) this.enter(this.exclusion.state, this.exclusion.reason);
    else this.enter('DISCOVERED');
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
