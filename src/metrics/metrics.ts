import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { GRPC_CALLS, HTTP_REQUESTS, RequestMetrics } from './request-metrics.js';

/** Metrics with their values, as prom-client has them in JSON. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

const RUN_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/**
 * Everything that /metrics shows. Labels are bounded: routes are templates, models and versions are those that are
 * in the folder, codes are those of the error table.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly requests = new RequestMetrics(this.registry, HTTP_REQUESTS);
  readonly calls = new RequestMetrics(this.registry, GRPC_CALLS);
  readonly inferenceSeconds = new Histogram({
    name: 'nestor_inference_duration_seconds',
    help: 'Time of one run of a model; requests may share it',
    labelNames: ['model', 'version'] as const,
    buckets: RUN_SECONDS,
    registers: [this.registry],
  });
  readonly rows = new Counter({
    name: 'nestor_inference_rows_total',
    help: 'Rows predicted',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly runRequests = new Histogram({
    name: 'nestor_inference_requests_per_run',
    help: 'Requests that shared one run',
    labelNames: ['model', 'version'] as const,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [this.registry],
  });
  readonly runRows = new Histogram({
    name: 'nestor_inference_rows_per_run',
    help: 'Rows in one run of a model',
    labelNames: ['model', 'version'] as const,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    registers: [this.registry],
  });
  readonly coalescedRows = new Counter({
    name: 'nestor_inference_coalesced_rows_total',
    help: 'Rows that shared their run with those of another request',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly queueSeconds = new Histogram({
    name: 'nestor_queue_wait_seconds',
    help: 'Time that a run waited for its turn: of the request in it that waited longest',
    labelNames: ['model', 'version'] as const,
    buckets: RUN_SECONDS,
    registers: [this.registry],
  });
  readonly refusedRows = new Counter({
    name: 'nestor_queue_refused_rows_total',
    help: 'Rows that were not run: overloaded (no place), expired (deadline), abandoned (the client left)',
    labelNames: ['model', 'version', 'reason'] as const,
    registers: [this.registry],
  });
  readonly queuedRows = new Gauge({
    name: 'nestor_queue_rows',
    help: 'Rows that wait for a run',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly placement = new Gauge({
    name: 'nestor_model_placement',
    help: '1 for where the runs of a version take place: inline (the HTTP thread) or threads',
    labelNames: ['model', 'version', 'placement'] as const,
    aggregator: 'max',
    registers: [this.registry],
  });
  readonly threads = new Gauge({
    name: 'nestor_model_threads',
    help: 'Worker threads of a version that are alive',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly failures = new Counter({
    name: 'nestor_inference_failures_total',
    help: 'Requests that reached a model and got no prediction, by error code',
    labelNames: ['model', 'version', 'code'] as const,
    registers: [this.registry],
  });
  readonly lookupSeconds = new Histogram({
    name: 'nestor_lookup_duration_seconds',
    help: 'Time that a request waited for its stored features',
    labelNames: ['model', 'version'] as const,
    buckets: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.registry],
  });
  readonly lookupKeys = new Histogram({
    name: 'nestor_lookup_keys_per_query',
    help: 'Keys that one query asked for; requests may share it',
    labelNames: ['model', 'version'] as const,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    registers: [this.registry],
  });
  readonly lookupRows = new Counter({
    name: 'nestor_lookup_rows_total',
    help: 'Rows with a key, by what became of their request: found, missing (a key is unknown), invalid (what is stored cannot be used), failed',
    labelNames: ['model', 'version', 'result'] as const,
    registers: [this.registry],
  });
  readonly modelState = new Gauge({
    name: 'nestor_model_state',
    help: '1 for the state that a version is in, 0 for the others',
    labelNames: ['model', 'version', 'state'] as const,
    aggregator: 'max',
    registers: [this.registry],
  });
  readonly loads = new Counter({
    name: 'nestor_model_loads_total',
    help: 'Loads of a version that ended, by result: ready or failed',
    labelNames: ['model', 'version', 'result'] as const,
    registers: [this.registry],
  });
  readonly loadSeconds = new Gauge({
    name: 'nestor_model_load_seconds',
    help: 'Time that loading and checking a version took',
    labelNames: ['model', 'version'] as const,
    aggregator: 'max',
    registers: [this.registry],
  });
  readonly memory = new Gauge({
    name: 'nestor_model_memory_bytes',
    help: 'Memory of a loaded version, as measured when it was loaded',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly memoryBudget = new Gauge({
    name: 'nestor_memory_budget_bytes',
    help: 'What MEMORY_BUDGET allows all loaded versions together; +Inf without it',
    registers: [this.registry],
  });
  readonly evictions = new Counter({
    name: 'nestor_model_evictions_total',
    help: 'Times that a version was unloaded to keep within MEMORY_BUDGET',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly returns = new Counter({
    name: 'nestor_model_returns_total',
    help: 'Loads of a version that had been unloaded for MEMORY_BUDGET less than a minute before: thrashing',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly cacheHits = new Counter({
    name: 'nestor_cache_hits_total',
    help: 'Rows that were answered with a prediction made before, by where it was kept: memory or redis',
    labelNames: ['model', 'version', 'place'] as const,
    registers: [this.registry],
  });
  readonly cacheMisses = new Counter({
    name: 'nestor_cache_misses_total',
    help: 'Rows that were looked for in the cache and had to be run',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly cacheShared = new Counter({
    name: 'nestor_cache_shared_total',
    help: 'Rows that were not in the cache, and shared the run of the same row that was under way',
    labelNames: ['model', 'version'] as const,
    registers: [this.registry],
  });
  readonly cacheEvictions = new Counter({
    name: 'nestor_cache_evictions_total',
    help: 'Predictions that left memory for want of room: CACHE_MAX_ENTRIES or CACHE_MEMORY',
    registers: [this.registry],
  });
  readonly cacheEntries = new Gauge({
    name: 'nestor_cache_entries',
    help: 'Predictions that are kept in memory',
    registers: [this.registry],
  });
  readonly cacheBytes = new Gauge({
    name: 'nestor_cache_bytes',
    help: 'Memory that they take, as estimated',
    registers: [this.registry],
  });
  readonly logLinesDropped = new Counter({
    name: 'nestor_log_lines_dropped_total',
    help: 'Log lines that were dropped because nobody read standard output',
    registers: [this.registry],
  });

  readonly eventsDropped = new Counter({
    name: 'nestor_events_dropped_total',
    help: 'Events that were dropped because the database had been away for too long',
    registers: [this.registry],
  });

  readonly refusedCallers = new Counter({
    name: 'nestor_auth_failures_total',
    help: 'Callers answered 401, or 503 because the keys of tokens could not be read, by reason',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });

  /** Shown where there is a REDIS_URL. */
  readonly redisUp = new Gauge({
    name: 'nestor_redis_up',
    help: '1 while Redis is asked, 0 while it is done without: it is away, or its last answer was late',
    aggregator: 'min',
    registers: [],
  });
  readonly redisFailures = new Counter({
    name: 'nestor_redis_failures_total',
    help: 'What Redis was asked in vain: timeout (no answer in time), lost (the connection), refused (an error)',
    labelNames: ['kind'] as const,
    registers: [this.registry],
  });
  readonly redisOpens = new Counter({
    name: 'nestor_redis_circuit_opens_total',
    help: 'Times that Redis was given up, until it answers again',
    registers: [this.registry],
  });

  readonly connectionsRefused = new Counter({
    name: 'nestor_connections_refused_total',
    help: 'Connections that were closed at once because there were MAX_CONNECTIONS',
    registers: [this.registry],
  });
  readonly limitedRequests = new Counter({
    name: 'nestor_rate_limited_total',
    help: 'Requests answered 429, by what their sender is known by: caller (a key or a token) or address',
    labelNames: ['by'] as const,
    registers: [this.registry],
  });
  readonly limitedAlone = new Counter({
    name: 'nestor_rate_limits_alone_total',
    help: 'Times that rows were counted by this process alone, since Redis did not answer',
    registers: [this.registry],
  });

  readonly predictionsDropped = new Counter({
    name: 'nestor_predictions_dropped_total',
    help: 'Predictions that the prediction log lost because the database was away or too slow for too long',
    registers: [this.registry],
  });

  readonly spansDropped = new Counter({
    name: 'nestor_spans_dropped_total',
    help: 'Spans of traces that were dropped because the collector did not take them',
    registers: [this.registry],
  });

  private readonly collectors: (() => void)[] = [];
  private page = () => this.own();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Has something set its gauges right before each scrape: what changes all the time is then not kept up to date. */
  onScrape(collect: () => void): void {
    this.collectors.push(collect);
  }

  /** Drops what was counted of a version that is gone for good: names that come and go must not fill the page. */
  async forget(model: string, version: string): Promise<void> {
    const { inferenceSeconds, runRequests, runRows, queueSeconds, lookupSeconds, lookupKeys } = this;
    for (const histogram of [inferenceSeconds, runRequests, runRows, queueSeconds, lookupSeconds, lookupKeys])
      histogram.remove({ model, version });
    const { rows, coalescedRows, refusedRows, failures, loads, evictions, returns } = this;
    const { cacheHits, cacheMisses, cacheShared, lookupRows } = this;
    const runs = [rows, coalescedRows, refusedRows, failures, loads, evictions, returns];
    for (const counter of [...runs, cacheHits, cacheMisses, cacheShared, lookupRows] as Counter[]) {
      const { values } = await counter.get();
      for (const { labels } of values) {
        if (labels.model === model && labels.version === version) counter.remove(labels);
      }
    }
  }

  /** Has the page made by somebody who knows more than this process does. */
  shownBy(page: () => Promise<string>): void {
    this.page = page;
  }

  /** The page, in Prometheus's text format. */
  scrape(): Promise<string> {
    return this.page();
  }

  /** What this process has counted. */
  figures(): Promise<Figures> {
    for (const collect of this.collectors) collect();
    return this.registry.getMetricsAsJSON();
  }

  private own(): Promise<string> {
    for (const collect of this.collectors) collect();
    return this.registry.metrics();
  }
}
