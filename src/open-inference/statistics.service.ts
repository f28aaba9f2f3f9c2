import { Injectable } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { Peers } from '../registry/peers.js';
import { type BatchFigures, type Tally, type VersionFigures } from '../registry/version-statistics.js';

/** As the protocol has it: nanoseconds, in all. */
export interface StatisticDuration {
  count: number;
  ns: number;
}

export interface BatchStatistics {
  batch_size: number;
  compute_input: StatisticDuration;
  compute_infer: StatisticDuration;
  compute_output: StatisticDuration;
}

export interface ModelStatistics {
  name: string;
  version: string;
  last_inference: number;
  inference_count: number;
  execution_count: number;
  inference_stats: Record<
    'success' | 'fail' | 'queue' | 'compute_input' | 'compute_infer' | 'compute_output' | 'cache_hit' | 'cache_miss',
    StatisticDuration
  >;
  batch_stats: BatchStatistics[];
}

/** The protocol's statistics extension: what versions have done, in all worker processes. */
@Injectable()
export class StatisticsService {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly peers: Peers,
  ) {}

  /**
   * @param name of a model; without it all, each with the versions that are loaded or were used
   * @param selector of a version: exact, label, `latest`, or a range
   * @throws DomainError `model_not_found`, `version_not_found`
   */
  async read(name: string | undefined, selector: string | undefined, caller: Caller): Promise<ModelStatistics[]> {
    const models = name === undefined ? this.registry.visibleTo(caller) : [this.registry.model(name, caller)];
    const versions = models.flatMap((model) => (selector === undefined ? model.versions : [model.lookup(selector)]));
    const counted = await this.peers.statistics(this.registry.statistics());
    const figures = new Map(counted.map((one) => [keyOf(one), one]));
    return versions.flatMap((version) => {
      const one = figures.get(keyOf(version)) ?? version.statistics;
      const isUsed = version.loaded !== undefined || one.success.count + one.fail.count > 0;
      return isUsed || selector !== undefined ? [toStatistics(one)] : [];
    });
  }
}

function keyOf({ model, version }: { model: string; version: string }): string {
  return JSON.stringify([model, version]);
}

function toStatistics(figures: VersionFigures): ModelStatistics {
  const { model, version, lastInference, rows, runs, batches } = figures;
  return {
    name: model,
    version,
    last_inference: lastInference,
    inference_count: rows,
    execution_count: runs,
    inference_stats: {
      success: toDuration(figures.success),
      fail: toDuration(figures.fail),
      queue: toDuration(figures.queue),
      compute_input: toDuration(figures.input),
      compute_infer: toDuration(figures.infer),
      compute_output: toDuration(figures.output),
      cache_hit: toDuration(figures.hit),
      cache_miss: toDuration(figures.miss),
    },
    batch_stats: [...batches].sort(([a], [b]) => a - b).map(toBatch),
  };
}

function toBatch([rows, { input, infer, output }]: [number, BatchFigures]): BatchStatistics {
  return {
    batch_size: rows,
    compute_input: toDuration(input),
    compute_infer: toDuration(infer),
    compute_output: toDuration(output),
  };
}

function toDuration({ count, ms }: Tally): StatisticDuration {
  return { count, ns: Math.round(ms * 1e6) };
}
