import { Injectable } from '@nestjs/common';
import { type Aggregator, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { GRPC_CALLS, HTTP_REQUESTS, RequestMetrics } from './request-metrics.js';

/** Metrics with their values, as prom-client has them in JSON. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

const VERSION = ['model', 'version'] as const;
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
  readonly inferenceSeconds = this.histogram(
    'nestor_inference_duration_seconds',
    'Time of one run of a model; requests may share it',
    VERSION,
    RUN_SECONDS,
  );
  readonly rows = this.counter('nestor_inference_rows_total', 'Rows predicted', VERSION);
  readonly runRequests = this.histogram(
    'nestor_inference_requests_per_run',
    'Requests that shared one run',
    VERSION,
    [1, 2, 4, 8, 16, 32, 64, 128],
  );
  readonly runRows = this.histogram(
    'nestor_inference_rows_per_run',
    'Rows in one run of a model',
    VERSION,
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  );
  readonly coalescedRows = this.counter(
    'nestor_inference_coalesced_rows_total',
    'Rows that shared their run with those of another request',
    VERSION,
  );
  readonly queueSeconds = this.histogram(
    'nestor_queue_wait_seconds',
    'Time that a run waited for its turn: of the request in it that waited longest',
    VERSION,
    RUN_SECONDS,
  );
  readonly refusedRows = this.counter(
    'nestor_queue_refused_rows_total',
    'Rows that were not run: overloaded (no place), expired (deadline), abandoned (the client left)',
    [...VERSION, 'reason'],
  );
  readonly queuedRows = this.gauge('nestor_queue_rows', 'Rows that wait for a run', VERSION);
  readonly placement = this.gauge(
    'nestor_model_placement',
    '1 for where the runs of a version take place: inline (the HTTP thread) or threads',
    [...VERSION, 'placement'],
    'max',
  );
  readonly threads = this.gauge('nestor_model_threads', 'Worker threads of a version that are alive', VERSION);
  readonly failures = this.counter(
    'nestor_inference_failures_total',
    'Requests that reached a model and got no prediction, by error code',
    [...VERSION, 'code'],
  );
  readonly lookupSeconds = this.histogram(
    'nestor_lookup_duration_seconds',
    'Time that a request waited for its stored features',
    VERSION,
    [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  );
  readonly lookupKeys = this.histogram(
    'nestor_lookup_keys_per_query',
    'Keys that one query asked for; requests may share it',
    VERSION,
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  );
  readonly lookupRows = this.counter(
    'nestor_lookup_rows_total',
    'Rows with a key, by what became of their request: found, missing (a key is unknown), invalid (what is stored cannot be used), failed',
    [...VERSION, 'result'],
  );
  readonly modelState = this.gauge(
    'nestor_model_state',
    '1 for the state that a version is in, 0 for the others',
    [...VERSION, 'state'],
    'max',
  );
  readonly loads = this.counter(
    'nestor_model_loads_total',
    'Loads of a version that ended, by result: ready or failed',
    [...VERSION, 'result'],
  );
  readonly loadSeconds = this.gauge(
    'nestor_model_load_seconds',
    'Time that loading and checking a version took',
    VERSION,
    'max',
  );
  readonly memory = this.gauge(
    'nestor_model_memory_bytes',
    'Memory of a loaded version, as measured when it was loaded',
    VERSION,
  );
  readonly memoryBudget = this.gauge(
    'nestor_memory_budget_bytes',
    'What MEMORY_BUDGET allows all loaded versions together; +Inf without it',
  );
  readonly evictions = this.counter(
    'nestor_model_evictions_total',
    'Times that a version was unloaded to keep within MEMORY_BUDGET',
    VERSION,
  );
  readonly returns = this.counter(
    'nestor_model_returns_total',
    'Loads of a version that had been unloaded for MEMORY_BUDGET less than a minute before: thrashing',
    VERSION,
  );
  readonly cacheHits = this.counter(
    'nestor_cache_hits_total',
    'Rows that were answered with a prediction made before, by where it was kept: memory or redis',
    [...VERSION, 'place'],
  );
  readonly cacheMisses = this.counter(
    'nestor_cache_misses_total',
    'Rows that were looked for in the cache and had to be run',
    VERSION,
  );
  readonly cacheShared = this.counter(
    'nestor_cache_shared_total',
    'Rows that were not in the cache, and shared the run of the same row that was under way',
    VERSION,
  );
  readonly cacheEvictions = this.counter(
    'nestor_cache_evictions_total',
    'Predictions that left memory for want of room: CACHE_MAX_ENTRIES or CACHE_MEMORY',
  );
  readonly cacheEntries = this.gauge('nestor_cache_entries', 'Predictions that are kept in memory');
  readonly cacheBytes = this.gauge('nestor_cache_bytes', 'Memory that they take, as estimated');
  readonly logLinesDropped = this.counter(
    'nestor_log_lines_dropped_total',
    'Log lines that were dropped because nobody read standard output',
  );

  readonly eventsDropped = this.counter(
    'nestor_events_dropped_total',
    'Events that were dropped because the database had been away for too long',
  );

  readonly refusedCallers = this.counter(
    'nestor_auth_failures_total',
    'Callers answered 401, or 503 because the keys of tokens could not be read, by reason',
    ['reason'],
  );

  /** Shown where there is a REDIS_URL. */
  readonly redisUp = new Gauge({
    name: 'nestor_redis_up',
    help: '1 while Redis is asked, 0 while it is done without: it is away, or its last answer was late',
    aggregator: 'min',
    registers: [],
  });
  readonly redisFailures = this.counter(
    'nestor_redis_failures_total',
    'What Redis was asked in vain: timeout (no answer in time), lost (the connection), refused (an error)',
    ['kind'],
  );
  readonly redisOpens = this.counter(
    'nestor_redis_circuit_opens_total',
    'Times that Redis was given up, until it answers again',
  );

  readonly connectionsRefused = this.counter(
    'nestor_connections_refused_total',
    'Connections that were closed at once because there were MAX_CONNECTIONS',
  );
  readonly limitedRequests = this.counter(
    'nestor_rate_limited_total',
    'Requests answered 429, by what their sender is known by: caller (a key or a token) or address',
    ['by'],
  );
  readonly limitedAlone = this.counter(
    'nestor_rate_limits_alone_total',
    'Times that rows were counted by this process alone, since Redis did not answer',
  );

  readonly predictionsDropped = this.counter(
    'nestor_predictions_dropped_total',
    'Predictions that the prediction log lost because the database was away or too slow for too long',
  );

  readonly spansDropped = this.counter(
    'nestor_spans_dropped_total',
    'Spans of traces that were dropped because the collector did not take them',
  );

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

  private counter<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** @param aggregator what several processes together show, where it is not the sum */
  private gauge<T extends string = never>(
    name: string,
    help: string,
    labelNames: readonly T[] = [],
    aggregator: Aggregator = 'sum',
  ): Gauge<T> {
    return new Gauge({ name, help, labelNames, aggregator, registers: [this.registry] });
  }

  private histogram<T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[],
    buckets: number[],
  ): Histogram<T> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }
}
