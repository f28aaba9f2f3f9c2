import { dirname, resolve } from 'node:path';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { firstLine } from '../common/errors.js';
import { Turns } from '../common/turns.js';
import { Settings } from '../config/settings.js';
import { type ModelEvent } from '../history/event.js';
import { History } from '../history/history.js';
import { Metrics } from '../metrics/metrics.js';
import { assembleModel } from './assemble-model.js';
import { type Change, decisionOn, Decisions } from './decisions.js';
import { digestOf } from './folder-stamp.js';
import { FolderWatch } from './folder-watch.js';
import { MemoryBudget } from './memory-budget.js';
import { type Model } from './model.js';
import { ModelRegistry } from './model-registry.js';
import { ModelVersion, type VersionState } from './model-version.js';
import { Notices } from './notices.js';
import { type Decided } from './peers.js';
import { QuietFolders } from './quiet-folders.js';
import { type ModelEntry, ModelRepository, type RepositoryContent, type VersionEntry } from './repository.js';
import { VersionLoader } from './version-loader.js';

/** What an operator decides, and its event; without a key nothing is kept. */
export type Deciding = { event: ModelEvent } & Partial<Change>;

/** Milliseconds between two looks, for each version: a look costs 0.1 ms of CPU a version, so 2 % of the time. */
const PAUSE_PER_VERSION_MS = 5;
/** Milliseconds after which decisions are asked for again that could not be read. */
const DECISIONS_RETRY_MS = 1000;

/**
 * Makes the registry follow the repository and what operators decided: loads what is new, replaces what changed,
 * unloads what is gone. Whatever happens to either, in whatever order, leads to the state that a restart would reach,
 * except that what serves goes on serving until its successor is READY.
 */
@Injectable()
export class Reconciler implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private watch: FolderWatch | undefined;
  private passing: Promise<void> | undefined;
  /** Something may have changed since the pass under way looked. */
  private isStale = false;
  private stopping = false;
  /** Whether the folder is not read any more: it was quiet, and is not watched. */
  private isFrozen = false;
  private again: NodeJS.Timeout | undefined;
  private decisionsAgain: NodeJS.Timeout | undefined;
  private nextLook = 0;
  private readonly notices: Notices;
  private readonly quiet: QuietFolders;
  private readonly turns = new Turns();
  private readonly leaving = new Set<Promise<void>>();
  /** What the folder held at the last look. */
  private content: RepositoryContent | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly repository: ModelRepository,
    private readonly decisions: Decisions,
    private readonly registry: ModelRegistry,
    private readonly loader: VersionLoader,
    private readonly budget: MemoryBudget,
    private readonly metrics: Metrics,
    private readonly history: History,
    private readonly logger: PinoLogger,
  ) {
    this.quiet = new QuietFolders(settings.QUIET_MS);
    this.notices = new Notices(logger);
  }

  /** @throws RepositoryProblem when there is nothing to serve */
  async onModuleInit(): Promise<void> {
    await this.turns.take(() => this.look());
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

  /**
   * Has a change decided on what is there now, and puts it in force: requests find it once this resolves, while loads
   * and drains go on. One after the other, in the order in which they were asked for.
   *
   * @param decide what to decide, and its event; undefined changes nothing
   * @throws what `decide` throws; DomainError `dependency_unavailable`: nothing has changed then, unless the database
   *   was slow to answer and kept the change all the same; it is in force at the next look in that case
   */
  async decide(who: string, decide: () => Deciding | undefined): Promise<void> {
    await this.turns.take(async () => {
      await this.lookOrFail();
      const decided = decide();
      if (!decided) return;
      const { event, key, value } = decided;
      if (key) await this.decisions.write({ key, value }, who);
      this.history.record({ ...event, who });
      this.takeOver();
    });
    void this.follow();
  }

  /**
   * Puts in force what was decided in another process, beside whatever loads here; resolves when it is, with the
   * version that it is about loaded, FAILED or idle.
   *
   * @throws DomainError `dependency_unavailable` when decisions cannot be read
   */
  async adopt({ model, version: name }: Decided): Promise<void> {
    await this.turns.take(() => this.lookOrFail());
    void this.follow();
    const version = name === undefined ? undefined : this.registry.find(model)?.find(name);
    if (!version) return;
    if (decisionOn(version.version, this.decisions.of(model))?.value === 'unload') await version.idle();
    else await this.load(version);
  }

  /** Loads a version now, also one that FAILED before, and waits until it is READY or FAILED. */
  async load(version: ModelVersion): Promise<void> {
    version.retry();
    for (;;) {
      const left = version.isPending ? this.quiet.left(version.entry) : 0;
      if (left === 0 || this.stopping) break;
      await new Promise((resolve) => setTimeout(resolve, left + 1));
      await this.turns.take(() => this.look());
    }
    if (!this.stopping) await version.load(this.loader.load);
  }

  /** The server has answered its last request by now. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.watch?.close();
    clearTimeout(this.again);
    clearTimeout(this.decisionsAgain);
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
        if (!isFirst) await this.turns.take(() => this.look());
        isFirst = false;
        await this.bringIntoLine();
      } catch (error) {
        this.notices.tell(`What is loaded goes on serving: ${firstLine(error)}`, 'error');
      }
    }
  }

  /** Takes over what the folder holds and what was decided by now: from here on requests find that. */
  private async look(): Promise<void> {
    clearTimeout(this.decisionsAgain);
    const decisions = this.decisions.read().catch(() => {
      if (!this.stopping) this.decisionsAgain = setTimeout(() => void this.follow(), DECISIONS_RETRY_MS).unref();
    });
    await this.readFolder();
    await decisions;
    this.takeOver();
  }

  /** As `look`. @throws DomainError `dependency_unavailable` when decisions cannot be read: nothing is taken over then */
  private async lookOrFail(): Promise<void> {
    await this.decisions.read();
    await this.readFolder();
    this.takeOver();
  }

  /** A folder that cannot be read counts as it was. */
  private async readFolder(): Promise<void> {
    if (this.isFrozen) return;
    try {
      this.content = await this.repository.read();
      this.notices.begin();
    } catch (error) {
      if (!this.content) throw error;
      this.notices.tell(`What is loaded goes on serving: ${firstLine(error)}`, 'error');
    }
  }

  private takeOver(): void {
    const { models, hints } = this.content ?? { models: [], hints: [] };
    const found = models.reduce((sum, { versions }) => sum + versions.length, 0);
    this.nextLook = performance.now() + PAUSE_PER_VERSION_MS * found;
    for (const hint of hints) this.notices.tell(hint, 'warn');
    const before = new Map(this.registry.list().map((model) => [model.name, model]));
    const after = models.map((entry) => this.toModel(entry, before.get(entry.name)));
    const kept = new Set(after.flatMap(({ versions }) => versions));
    const gone = this.versions().filter((version) => !kept.has(version));
    this.registry.replace(after);
    this.quiet.keep(new Set([...kept].map(({ entry }) => entry.folder)));
    for (const version of gone) this.dismiss(version);
    this.watchFolders();
    this.notices.end();
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
    for (const { name, versions } of this.registry.list()) {
      for (const version of versions) {
        if (this.stopping) return;
        await this.bringVersionIntoLine(version);
      }
      const now = this.registry.find(name); // by another look, maybe
      if (now) now.isSettled = true;
    }
    for (const version of this.versions()) this.budget.judge(version);
    this.budget.watchFixed();
    // What their features are is known only now.
    for (const model of this.registry.list()) this.warnOf(model);
    this.registry.isSettled = true;
    this.isFrozen ||= this.settings.WATCH_INTERVAL_MS === 0 && !this.isWaiting;
  }

  private async bringVersionIntoLine(version: ModelVersion): Promise<void> {
    if (version.state === 'UNLOADED' || version.state === 'DRAINING') return;
    const isToLoad = version.state === 'DISCOVERED' && !version.isLazy;
    if (!isToLoad && !version.hasChanged) return;
    const left = this.quiet.left(version.entry);
    if (left > 0) this.lookAgainIn(left);
    else if (version.hasChanged) await version.reload(this.loader.load, digestOf);
    else await version.load(this.loader.load);
  }

  /** Whether a folder is not quiet yet. */
  private get isWaiting(): boolean {
    return this.again !== undefined;
  }

  private lookAgainIn(ms: number): void {
    this.again ??= setTimeout(() => {
      this.again = undefined;
      void this.follow();
    }, ms + 1);
  }

  private toModel(entry: ModelEntry, before: Model | undefined): Model {
    const { name, problem } = entry;
    if (problem !== undefined) this.notices.tell(`${name}: ${problem}`, 'error');
    const model = assembleModel(entry, before, this.decisions.of(name), (found) => this.newVersion(name, found));
    this.warnOf(model);
    return model;
  }

  private warnOf({ name, warnings }: Model): void {
    for (const warning of warnings) this.notices.tell(`${name}: ${warning}`, 'warn');
  }

  private newVersion(model: string, entry: VersionEntry): ModelVersion {
    return new ModelVersion(model, entry, (changed, from) => {
      this.record(changed, from);
    });
  }

  /** Lets a version go that is not there any more: what it has taken on is answered. */
  private dismiss(version: ModelVersion): void {
    const { model, version: name } = version;
    const left = version.dismiss().then(async () => {
      this.leaving.delete(left);
      this.budget.forget(version);
      this.logger.info({ model, version: name }, 'version_removed');
      const isBack = this.registry.find(model)?.find(name) !== undefined;
      if (!isBack) await this.metrics.forget(model, name);
    });
    this.leaving.add(left);
  }

  private record({ model, version, state, reason, loadSeconds, isLazy }: ModelVersion, from: VersionState): void {
    this.registry.changed();
    if (state === 'DISCOVERED' && !isLazy && this.registry.isSettled) void this.follow();
    if (state === 'READY' || state === 'FAILED')
      this.metrics.loads.inc({
        model,
        version,
        result: state === 'READY' && reason === undefined ? 'ready' : 'failed',
      });
    if (this.stopping) return; // the service ends, which is nothing that happens to a model
    const seconds = state === 'READY' && loadSeconds !== undefined ? Number(loadSeconds.toFixed(4)) : undefined;
    const event = { kind: 'state', model, version, from, to: state, why: reason } as const;
    this.history.record(event, { load_seconds: seconds });
  }
}
