import { type Exclusion } from './exclusion.js';
import { type LoadedVersion } from './loaded-version.js';
import { type VersionEntry } from './repository.js';
import { VersionStatistics } from './version-statistics.js';

/** DISCOVERED → LOADING → CHECKING → READY → DRAINING → UNLOADED, or FAILED with a reason. */
export const VERSION_STATES = ['DISCOVERED', 'LOADING', 'CHECKING', 'READY', 'DRAINING', 'UNLOADED', 'FAILED'] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** A version does not fit into MEMORY_BUDGET, whatever leaves. The message says so in numbers. */
export class NoRoom extends Error {}

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
  /** Memory that it took when it was loaded last, and the stamp of the files that it was loaded from. */
  measured: { bytes: number; stamp: string } | undefined;
  readonly statistics: VersionStatistics;
  private hasNoRoom = false;
  private exclusion: Exclusion | undefined;
  private isDismissed = false;
  /** The stamp of the files that were read last, whatever came of it. */
  private readStamp: string | undefined;
  /** The load or reload under way; never rejects. */
  private work: Promise<LoadedVersion | undefined> | undefined;
  private readonly draining = new Set<Promise<void>>();

  constructor(
    readonly model: string,
    /** What the storage holds now. */
    public entry: VersionEntry,
    private readonly onChange: (version: ModelVersion, from: VersionState) => void,
  ) {
    this.statistics = new VersionStatistics(model, entry.version);
  }

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

  /** Whether it is FAILED for want of memory alone. */
  get isRefused(): boolean {
    return this.state === 'FAILED' && this.hasNoRoom;
  }

  /**
   * Loads it, once however many ask at the same time. Never rejects: what went wrong is its reason.
   *
   * @returns what answers who has waited for it, where it could be loaded: it may have to leave again at once
   */
  async load(load: LoadVersion): Promise<LoadedVersion | undefined> {
    while (this.isPending) {
      const loaded = await (this.work ?? this.start(() => this.bring(load)));
      if (loaded) return loaded;
    }
    return this.loaded;
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
    if (!this.loaded && this.isLazy) {
      this.retry();
      return;
    }
    await this.start(async () => {
      const { folder, stamp } = this.entry;
      const digest = await digestOf(folder).catch(() => '');
      if (!this.hasChanged) return undefined; // nor where it was let go of meanwhile
      if (this.loaded?.digest !== digest) return this.bring(load);
      this.readStamp = stamp.text;
      if (this.reason !== undefined) this.enter('READY');
      return undefined;
    });
  }

  /** Has one that FAILED loaded again, though its files are the same. */
  retry(): void {
    if (this.state !== 'FAILED' || this.isBarred) return;
    this.readStamp = undefined;
    this.hasNoRoom = false;
    this.enter('DISCOVERED');
  }

  /** Keeps it from being loaded for want of memory, until `retry`, or its files change. */
  refuse(reason: string): void {
    this.readStamp = this.entry.stamp.text;
    this.hasNoRoom = true;
    this.enter('FAILED', reason);
  }

  /** Whether the memory of this load may be taken for another version. */
  mayLeave(loaded: LoadedVersion): boolean {
    return this.isLazy && this.loaded === loaded && !this.work && !this.isBarred;
  }

  /** Gives its memory back, once it has answered what it has taken on; the next request loads it again. */
  async evict(reason: string): Promise<void> {
    const { loaded } = this;
    if (!loaded) return;
    this.loaded = undefined;
    this.readStamp = undefined;
    this.drain(loaded);
    this.enter('DISCOVERED', reason);
    await loaded.leaving;
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

  private start(work: () => Promise<LoadedVersion | undefined>): Promise<LoadedVersion | undefined> {
    this.work = work().finally(() => {
      this.work = undefined;
      this.endDraining();
    });
    return this.work;
  }

  /** Loads it: for the first time, or beside what serves, whose place it takes in one step. */
  private async bring(load: LoadVersion): Promise<LoadedVersion | undefined> {
    const started = performance.now();
    const stamp = this.entry.stamp.text;
    this.readStamp = stamp;
    this.hasNoRoom = false;
    if (!this.loaded) this.enter('LOADING');
    try {
      const fresh = await load(this, () => {
        if (!this.loaded && !this.isBarred) this.enter('CHECKING');
      });
      if (this.isBarred) {
        this.drain(fresh);
        return undefined;
      }
      const old = this.loaded;
      this.loaded = fresh;
      this.readStamp = stamp;
      this.loadSeconds = (performance.now() - started) / 1000;
      this.enter('READY');
      if (old) this.drain(old);
      return fresh;
    } catch (error) {
      if (this.isBarred) return undefined;
      this.readStamp = stamp;
      const { message } = error as Error;
      if (this.loaded) this.enter('READY', `its files changed, and what was loaded before still serves: ${message}`);
      else if (error instanceof NoRoom) this.refuse(message);
      else this.enter('FAILED', message);
      return undefined;
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
    const drained = loaded.release().finally(() => {
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
