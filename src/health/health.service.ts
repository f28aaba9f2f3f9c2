import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { Settings } from '../config/settings.js';
import { InferenceEngine } from '../inference/engine.js';
import { type Model } from '../registry/model.js';
import { ModelRegistry } from '../registry/model-registry.js';

/** What the probes ask: is it started, and may it get traffic. */
@Injectable()
export class HealthService {
  /** Set once the service is to stop: it answers, but wants no new traffic. */
  isDraining = false;

  constructor(
    private readonly settings: Settings,
    private readonly registry: ModelRegistry,
    private readonly engine: InferenceEngine,
    private readonly indicators: HealthIndicatorService,
  ) {}

  /** Whether the model that answers /predict can. */
  get isModelLoaded(): boolean {
    return this.registry.defaultModel?.serves ?? false;
  }

  /** Down from the moment at which the service is told to stop. */
  staying(): HealthIndicatorResult {
    const indicator = this.indicators.check('staying');
    return this.isDraining ? indicator.down('draining: the service is about to stop') : indicator.up();
  }

  /** Down until each eager version is READY or FAILED. */
  started(): HealthIndicatorResult {
    const indicator = this.indicators.check('startup');
    return this.registry.isSettled ? indicator.up() : indicator.down('models are still loading');
  }

  /**
   * Down while a required model cannot serve. Others that are broken only degrade it: one bad folder must not take a
   * healthy replica out.
   */
  models(): HealthIndicatorResult {
    const indicator = this.indicators.check('models');
    const missing = this.requiredNames().filter((name) => !this.find(name)?.serves);
    const broken = this.registry.list().flatMap(failures);
    if (missing.length > 0) return indicator.down({ message: `cannot serve: ${missing.join(', ')}`, failed: broken });
    return broken.length > 0 ? indicator.degraded({ failed: broken }) : indicator.up();
  }

  /** Down while a run takes longer than STUCK_AFTER_MS: the version's other clients wait behind it. */
  runs(): HealthIndicatorResult {
    const indicator = this.indicators.check('runs');
    const ms = this.engine.longestRunMs();
    if (ms <= this.settings.STUCK_AFTER_MS) return indicator.up();
    return indicator.down(`a run of a model has taken ${(ms / 1000).toFixed(1)} s so far`);
  }

  /** Down while a required model takes no more rows: others may still have a place for them. */
  queues(): HealthIndicatorResult {
    const indicator = this.indicators.check('queues');
    const full = this.requiredNames().filter((name) => this.find(name)?.default?.loaded?.batcher.isFull);
    return full.length === 0 ? indicator.up() : indicator.down(`full: ${full.join(', ')}`);
  }

  /** Whether it may get traffic. */
  get isReady(): boolean {
    const results = [this.started(), this.models(), this.queues(), this.runs()];
    return results.flatMap((result) => Object.values(result)).every(({ status }) => status !== 'down');
  }

  /** Whether a run takes so long that only a new process will end it: a thread cannot be stopped inside the runtime. */
  get isStuck(): boolean {
    return this.engine.longestRunMs() > 2 * this.settings.STUCK_AFTER_MS;
  }

  private requiredNames(): string[] {
    const { REQUIRED_MODELS, DEFAULT_MODEL } = this.settings;
    const all = this.registry.list().map(({ name }) => name);
    const required = REQUIRED_MODELS.includes('all') ? all : REQUIRED_MODELS;
    const main = DEFAULT_MODEL ?? this.registry.defaultModel?.name;
    return [...new Set([...(main === undefined ? [] : [main]), ...required])];
  }

  private find(name: string): Model | undefined {
    return this.registry.list().find((model) => model.name === name);
  }
}

function failures({ name, problem, versions }: Model): string[] {
  if (problem !== undefined) return [name];
  return versions.filter(({ state }) => state === 'FAILED').map(({ version }) => `${name} ${version}`);
}
