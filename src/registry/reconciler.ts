import { dirname, resolve } from 'node:path';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { firstLine } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { History } from '../history/history.js';
import { Metrics } from '../metrics/metrics.js';
import { digestOf } from './folder-stamp.js';
import { FolderWatch } from './folder-watch.js';
import { Model } from './model.js';
import { selectVersions } from './model-file.js';
import { ModelRegistry } from './model-registry.js';
import { ModelVersion, VERSION_STATES, type VersionState } from './model-version.js';
import { type ModelEntry, ModelRepository, type VersionEntry } from './repository.js';
import { VersionLoader } from './version-loader.js';

/** Milliseconds between two looks, for each version: a look costs 0.1 ms of CPU a version, so 2 % of the time. */
const PAUSE_PER_VERSION_MS = 5;
const NOT_SELECTED = 'left out by `versions` in model.yaml';

/**
 * Makes the registry follow the repository: loads what is new, replaces what changed, unloads what is gone. Whatever
 * happens to the folder, in whatever order, leads to the state that a restart would reach, except that what serves goes
 * on serving until its successor is READY.
 */
@Injectable()
export class Reconciler implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private watch: FolderWatch | undefined;
  private passing: Promise<void> | undefined;
  /** Something may have changed since the pass under way looked. */
  private isStale = false;
  private stopping = false;
  private again: NodeJS.Timeout | undefined;
  private nextLook = 0;
  /** Hints and failures that were logged: each is told once, as long as it lasts. */
  private told = new Set<string>();
  /** When each folder was first seen as it is now, by the monotonic clock. */
  private readonly seen = new Map<string, { stamp: string; since: number }>();
  private readonly leaving = new Set<Promise<void>>();

  constructor(
    private readonly settings: Settings,
    private readonly repository: ModelRepository,
    private readonly registry: ModelRegistry,
    private readonly loader: VersionLoader,
    private readonly metrics: Metrics,
    private readonly history: History,
    private readonly logger: PinoLogger,
  ) {}

  /** @throws RepositoryProblem when there is nothing to serve */
  async onModuleInit(): Promise<void> {
    this.metrics.onScrape(() => {
      this.collect();
    });
    await this.look();
  }

  /** Starts the first loads without waiting for them: probes are answered meanwhile. */
  onApplicationBootstrap(): void {
    void this.follow();
    const { WATCH_INTERVAL_MS } = this.settings;
    if (WATCH_INTERVAL_MS === 0) return;
    const onChange = () => {
      const left = this.nextLook - performance.now();
      if (left > 0) this.lookAgainIn(left);
      else void this.follow();
    };
    this.watch = new FolderWatch(WATCH_INTERVAL_MS, onChange, (error) => {
      this.logger.warn(`MODELS_DIR tells of no changes (${firstLine(error)}): looked at every ${WATCH_INTERVAL_MS} ms`);
    });
    this.watchFolders();
  }

  /** Resolves once each eager version is READY or FAILED, and nothing is known that is not in force. */
  async settled(): Promise<void> {
    while (this.passing || this.again) {
      await this.passing;
      if (this.again) await new Promise((resolve) => setTimeout(resolve, this.settings.QUIET_MS / 10));
    }
  }

  /** Looks again, and brings the registry into line. Whoever asks while it is under way waits for another pass. */
  follow(): Promise<void> {
    this.isStale = true;
    this.passing ??= this.pass().finally(() => (this.passing = undefined));
    return this.passing;
  }

  /** The server has answered its last request by now. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.watch?.close();
    clearTimeout(this.again);
    this.again = undefined;
    await this.passing;
    for (const version of this.versions()) await version.unload();
    await Promise.all(this.leaving);
  }

  private versions(): ModelVersion[] {
    return this.registry.list().flatMap(({ versions }) => versions);
  }

  private async pass(): Promise<void> {
    let isFirst = !this.registry.isSettled;
    while (this.isStale && !this.stopping) {
      this.isStale = false;
      try {
        if (!isFirst) await this.look();
        isFirst = false;
        await this.bringIntoLine();
      } catch (error) {
        this.tell(`What is loaded goes on serving: ${firstLine(error)}`, 'error');
      }
    }
  }

  /** Takes over what the folder holds now: from here on requests find the new set of versions. */
  private async look(): Promise<void> {
    const { models, hints } = await this.repository.read();
    const found = models.reduce((sum, { versions }) => sum + versions.length, 0);
    this.nextLook = performance.now() + PAUSE_PER_VERSION_MS * found;
    const told = this.told;
    this.told = new Set();
    for (const hint of hints) this.tell(hint, 'warn', told);
    const before = new Map(this.registry.list().map((model) => [model.name, model]));
    const after = models.map((entry) => this.toModel(entry, before.get(entry.name), told));
    const kept = new Set(after.flatMap(({ versions }) => versions));
    const gone = this.versions().filter((version) => !kept.has(version));
    this.registry.replace(after);
    const folders = new Set([...kept].map(({ entry }) => entry.folder));
    for (const folder of this.seen.keys()) if (!folders.has(folder)) this.seen.delete(folder);
    for (const version of gone) this.dismiss(version);
    this.watchFolders();
  }

  private watchFolders(): void {
    const folders = this.versions().map(({ entry }) => entry.folder);
    this.watch?.update([
      resolve(this.settings.MODELS_DIR),
      ...new Set(folders.map((folder) => dirname(folder))),
      ...folders,
    ]);
  }

  /** Loads, replaces and unloads, one version after the other. */
  private async bringIntoLine(): Promise<void> {
    clearTimeout(this.again);
    this.again = undefined;
    for (const model of this.registry.list()) {
      for (const version of model.versions) {
        if (this.stopping) return;
        await this.bringVersionIntoLine(version);
      }
      model.isSettled = true;
    }
    this.registry.isSettled = true;
  }

  private async bringVersionIntoLine(version: ModelVersion): Promise<void> {
    if (version.state === 'UNLOADED' || version.state === 'DRAINING') return;
    const isToLoad = version.state === 'DISCOVERED' && !version.isLazy;
    if (!isToLoad && !version.hasChanged) return;
    const left = this.quietIn(version.entry);
    if (left > 0) this.lookAgainIn(left);
    else if (version.hasChanged) await version.reload(this.loader.load, digestOf);
    else await version.load(this.loader.load);
  }

  /** Milliseconds until a folder will have been left alone for long enough; 0 when it has. */
  private quietIn({ folder, stamp }: VersionEntry): number {
    const { QUIET_MS } = this.settings;
    const age = Date.now() - stamp.newest;
    if (age >= QUIET_MS) return 0;
    // The file system's clock may be another one: what stays the same for long enough by ours is quiet, too.
    const now = performance.now();
    const seen = this.seen.get(folder);
    if (seen?.stamp !== stamp.text) {
      this.seen.set(folder, { stamp: stamp.text, since: now });
      return QUIET_MS;
    }
    const left = seen.since + QUIET_MS - now;
    if (left <= 0) this.seen.delete(folder);
    return Math.max(0, left);
  }

  private lookAgainIn(ms: number): void {
    this.again ??= setTimeout(() => {
      this.again = undefined;
      void this.follow();
    }, ms + 1);
  }

  private toModel(entry: ModelEntry, before: Model | undefined, told: ReadonlySet<string>): Model {
    const { name, versions, problem, warnings = [] } = entry;
    if (problem !== undefined) this.tell(`${name}: ${problem}`, 'error', told);
    for (const warning of warnings) this.tell(`${name}: ${warning}`, 'warn', told);
    // A mistake in model.yaml does not undo what serves, nor does a folder that cannot be read: it goes on, and says so.
    const isKnown = entry.isUnreadable === true || versions.length > 0;
    const keeps = problem !== undefined && before?.serves === true && isKnown;
    const spec = keeps ? before.spec : entry.spec;
    const entries = keeps && entry.isUnreadable ? before.versions.map((version) => version.entry) : versions;
    const selected = new Set(selectVersions(spec, entries.map(({ version }) => version))); // prettier-ignore
    const made = entries.map((found) => {
      const version = before?.find(found.version) ?? this.newVersion(name, found);
      version.entry = found;
      version.isLazy = spec.load === 'lazy';
      if (problem !== undefined && !keeps) version.exclude('FAILED', problem);
      else if (!selected.has(found.version)) version.exclude('UNLOADED', NOT_SELECTED);
      else version.include();
      return version;
    });
    const model = new Model(name, spec, made, problem, warnings);
    model.isSettled = before?.isSettled ?? false;
    return model;
  }

  private newVersion(model: string, entry: VersionEntry): ModelVersion {
    return new ModelVersion(model, entry, (changed, from) => {
      this.record(changed, from);
    });
  }

  /** Lets a version go that is not there any more: what it has taken on is answered. */
  private dismiss(version: ModelVersion): void {
    const { model, version: name } = version;
    const left = version.dismiss().then(() => {
      this.leaving.delete(left);
      this.logger.info({ model, version: name }, 'version_removed');
    });
    this.leaving.add(left);
  }

  private tell(text: string, level: 'warn' | 'error', told: ReadonlySet<string> = this.told): void {
    const isNew = !told.has(text);
    this.told.add(text);
    if (isNew) this.logger[level](text);
  }

  /** What changes without an event. */
  private collect(): void {
    const { queuedRows, placement, threads, modelState, loadSeconds } = this.metrics;
    for (const gauge of [queuedRows, placement, threads, modelState, loadSeconds]) gauge.reset();
    for (const { model, version, state, loaded, loadSeconds: seconds } of this.versions()) {
      for (const known of VERSION_STATES) modelState.set({ model, version, state: known }, Number(known === state));
      if (seconds !== undefined) loadSeconds.set({ model, version }, seconds);
      if (!loaded) continue;
      const { lane } = loaded.placed;
      queuedRows.set({ model, version }, loaded.batcher.queuedRows);
      placement.set({ model, version, placement: lane.placement }, 1);
      if (lane.placement === 'threads') threads.set({ model, version }, lane.width);
    }
  }

  private record({ model, version, state, reason, loadSeconds }: ModelVersion, from: VersionState): void {
    this.registry.changed();
    if (state === 'DISCOVERED' && this.registry.isSettled) void this.follow();
    if (state === 'READY' || state === 'FAILED')
      this.metrics.loads.inc({ model, version, result: state.toLowerCase() });
    if (this.stopping) return; // the service ends, which is nothing that happens to a model
    const seconds = state === 'READY' && loadSeconds !== undefined ? Number(loadSeconds.toFixed(4)) : undefined;
    const event = { kind: 'state', model, version, from, to: state, why: reason } as const;
    this.history.record(event, { load_seconds: seconds });
  }
}
