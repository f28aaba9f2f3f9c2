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
  /** Why it is FAILED or UNLOADED: one line for people. */
  reason: string | undefined;
  /** Seconds that loading and checking took. */
  loadSeconds: number | undefined;
  /** Present while READY. */
  loaded: LoadedVersion | undefined;
  private loading: Promise<void> | undefined;

  constructor(
    readonly model: string,
    readonly entry: VersionEntry,
    /** true: loaded by the first request that needs it, which waits for it; false: loaded at start. */
    private readonly isLazy: boolean,
    private readonly onChange: (version: ModelVersion) => void,
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

  /** Loads it, once however many ask at the same time. Never rejects: what went wrong is its reason. */
  load(load: LoadVersion): Promise<void> {
    if (this.state === 'READY' || this.state === 'FAILED') return Promise.resolve();
    this.loading ??= this.loadNow(load).finally(() => (this.loading = undefined));
    return this.loading;
  }

  /** Marks it as present but not to be served. */
  exclude(reason: string): void {
    this.enter('UNLOADED', reason);
  }

  /** Marks it as broken. */
  fail(reason: string): void {
    this.enter('FAILED', reason);
  }

  /** Gives its memory back. */
  async unload(): Promise<void> {
    await this.loading;
    const { loaded } = this;
    if (!loaded) return;
    this.enter('DRAINING');
    this.loaded = undefined;
    await loaded.release();
    this.enter('UNLOADED');
  }

  private async loadNow(load: LoadVersion): Promise<void> {
    const started = performance.now();
    this.enter('LOADING');
    try {
      this.loaded = await load(this, () => {
        this.enter('CHECKING');
      });
      this.loadSeconds = (performance.now() - started) / 1000;
      this.enter('READY');
    } catch (error) {
      this.fail((error as Error).message);
    }
  }

  private enter(state: VersionState, reason?: string): void {
    this.state = state;
    this.reason = reason;
    this.onChange(this);
  }
}
