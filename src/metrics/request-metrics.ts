import { Counter, type Metric, type Registry } from 'prom-client';

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SECONDS = 'nestor_http_request_duration_seconds';

/** What was counted of one method of one route. */
interface Tally {
  labels: { method: string; route: string };
  byStatus: Map<number, number>;
  /** How many took no longer than each of BUCKETS, but longer than the one before. */
  inBucket: number[];
  count: number;
  sum: number;
}

/**
 * Requests and their times. They are counted in plain numbers and become metrics when they are asked for: prom-client
 * checks, sorts and hashes the labels of each observation, which takes 4 % of a small prediction.
 */
export class RequestMetrics {
  private readonly tallies = new Map<string, Map<string, Tally>>();

  constructor(registry: Registry) {
    const requests = new Counter({
      name: 'nestor_http_requests_total',
      help: 'HTTP requests answered',
      labelNames: ['method', 'route', 'status'] as const,
      registers: [registry],
      collect: () => {
        requests.reset();
        for (const { labels, byStatus } of this.all()) {
          for (const [status, count] of byStatus) requests.inc({ ...labels, status }, count);
        }
      },
    });
    const about = {
      name: SECONDS,
      help: 'Time from the request line to the end of the answer',
      type: 'histogram',
      aggregator: 'sum',
    };
    const seconds = {
      name: SECONDS,
      getForPromString: () => ({ ...about, values: [...this.all()].flatMap(histogramOf) }),
      // Where the figures of several processes are added up, only `labels` tells values apart.
      get: () => ({ ...about, values: [...this.all()].flatMap(histogramOf).map(withAllLabels) }),
    };
    registry.registerMetric(seconds as unknown as Metric); // it asks no more of a metric
  }

  /** @param route the template, never the path: each value is kept for good */
  count(method: string, route: string, status: number, seconds: number): void {
    const tally = this.tallies.get(route)?.get(method) ?? this.begin(method, route);
    tally.byStatus.set(status, (tally.byStatus.get(status) ?? 0) + 1);
    tally.count++;
    tally.sum += seconds;
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket !== -1) tally.inBucket[bucket] = (tally.inBucket[bucket] as number) + 1;
  }

  private begin(method: string, route: string): Tally {
    const inBucket = BUCKETS.map(() => 0);
    const tally: Tally = { labels: { method, route }, byStatus: new Map(), inBucket, count: 0, sum: 0 };
    const methods = this.tallies.get(route) ?? new Map<string, Tally>();
    this.tallies.set(route, methods.set(method, tally));
    return tally;
  }

  private *all(): Iterable<Tally> {
    for (const methods of this.tallies.values()) yield* methods.values();
  }
}

function withAllLabels({ sharedLabels, labels, ...value }: ReturnType<typeof histogramOf>[number]) {
  return { ...value, labels: { ...labels, ...sharedLabels } };
}

/** As prom-client's registry wants the values of a histogram. */
function histogramOf({ labels: sharedLabels, inBucket, count, sum }: Tally) {
  let below = 0;
  return [
    ...BUCKETS.map((le, index) => {
      below += inBucket[index] as number;
      return { labels: { le }, sharedLabels, value: below, metricName: `${SECONDS}_bucket` };
    }),
    { labels: { le: '+Inf' }, sharedLabels, value: count, metricName: `${SECONDS}_bucket` },
    { labels: {}, sharedLabels, value: sum, metricName: `${SECONDS}_sum` },
    { labels: {}, sharedLabels, value: count, metricName: `${SECONDS}_count` },
  ];
}
