import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Metrics } from '../metrics/metrics.js';
import { Model } from './model.js';
import { selectVersions } from './model-file.js';
import { ModelRegistry } from './model-registry.js';
import { ModelVersion, VERSION_STATES } from './model-version.js';
import { type ModelEntry, ModelRepository } from './repository.js';
import { VersionLoader } from './version-loader.js';

/** Makes the registry follow the repository. Runs once, at start. */
@Injectable()
export class Reconciler implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private firstLoads: Promise<void> | undefined;
  private stopping = false;

  constructor(
    private readonly repository: ModelRepository,
    private readonly registry: ModelRegistry,
    private readonly loader: VersionLoader,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {}

  /** @throws RepositoryProblem when there is nothing to serve */
  async onModuleInit(): Promise<void> {
    this.metrics.onScrape(() => {
      this.collect();
    });
    const { models, hints } = await this.repository.read();
    for (const hint of hints) this.logger.warn(hint);
    this.registry.replace(models.map((entry) => this.toModel(entry)));
  }

  /** Starts the first loads without waiting for them: probes are answered meanwhile. */
  onApplicationBootstrap(): void {
    this.firstLoads = this.loadEager();
  }

  /** Resolves once each eager version is READY or FAILED. */
  async settled(): Promise<void> {
    await this.firstLoads;
  }

  /** The server has answered its last request by now. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    await this.firstLoads;
    for (const version of this.registry.list().flatMap(({ versions }) => versions)) await version.unload();
  }

  private async loadEager(): Promise<void> {
    for (const model of this.registry.list()) {
      if (model.isLazy) continue;
      for (const version of model.versions) {
        if (this.stopping) return;
        if (version.state === 'DISCOVERED') await version.load(this.loader.load);
      }
    }
    this.registry.isSettled = true;
  }

  private toModel({ name, spec, versions, problem, warnings }: ModelEntry): Model {
    if (problem !== undefined) this.logger.error({ model: name, reason: problem }, 'model_failed');
    for (const warning of warnings ?? []) this.logger.warn({ model: name }, warning);
    const selected = new Set(
      selectVersions(
        spec,
        versions.map(({ version }) => version),
      ),
    );
    const made = versions.map((entry) => {
      const version = new ModelVersion(name, entry, spec.load === 'lazy', (changed) => {
        this.record(changed);
      });
      if (problem !== undefined) version.fail(problem);
      else if (!selected.has(entry.version)) version.exclude('left out by `versions` in model.yaml');
      return version;
    });
    return new Model(name, spec, made, problem, warnings);
  }

  /** What changes without an event. */
  private collect(): void {
    const { queuedRows, placement, threads } = this.metrics;
    for (const gauge of [queuedRows, placement, threads]) gauge.reset();
    for (const { model, version, loaded } of this.registry.list().flatMap(({ versions }) => versions)) {
      if (!loaded) continue;
      const { lane } = loaded.placed;
      queuedRows.set({ model, version }, loaded.batcher.queuedRows);
      placement.set({ model, version, placement: lane.placement }, 1);
      if (lane.placement === 'threads') threads.set({ model, version }, lane.width);
    }
  }

  private record({ model, version, state, reason, loadSeconds }: ModelVersion): void {
    this.registry.changed();
    for (const known of VERSION_STATES)
      this.metrics.modelState.set({ model, version, state: known }, Number(known === state));
    if (state === 'READY' || state === 'FAILED')
      this.metrics.loads.inc({ model, version, result: state.toLowerCase() });
    if (state === 'READY' && loadSeconds !== undefined) {
      this.metrics.loadSeconds.set({ model, version }, loadSeconds);
      this.logger.info({ model, version, load_seconds: Number(loadSeconds.toFixed(4)) }, 'version_ready');
    }
    if (state === 'FAILED') this.logger.error({ model, version, reason }, 'version_failed');
  }
}
