import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Metrics } from '../metrics/metrics.js';
import { ModelRegistry } from './model-registry.js';
import { VERSION_STATES } from './model-version.js';

/** Shows in the metrics what changes without an event. */
@Injectable()
export class RegistryGauges implements OnModuleInit {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.metrics.onScrape(() => {
      this.collect();
    });
  }

  private collect(): void {
    const { queuedRows, placement, threads, modelState, loadSeconds, memory } = this.metrics;
    for (const gauge of [queuedRows, placement, threads, modelState, loadSeconds, memory]) gauge.reset();
    const versions = this.registry.list().flatMap((model) => model.versions);
    for (const { model, version, state, loaded, loadSeconds: seconds } of versions) {
      for (const known of VERSION_STATES) modelState.set({ model, version, state: known }, Number(known === state));
      if (seconds !== undefined) loadSeconds.set({ model, version }, seconds);
      if (!loaded) continue;
      memory.set({ model, version }, loaded.bytes);
      const { lane } = loaded.placed;
      queuedRows.set({ model, version }, loaded.batcher.queuedRows);
      placement.set({ model, version, placement: lane.placement }, 1);
      if (lane.placement === 'threads') threads.set({ model, version }, lane.width);
    }
  }
}
