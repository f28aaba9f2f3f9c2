import { Counter, type Metric, type Registry } from 'prom-client';

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How requests of a transport show: `<prefix>_requests_total` and `<prefix>_request_duration_seconds`. */
interface Names {
  prefix: string;
  requests: string;
  seconds: string;
  /** The label beside `method`, and that of the outcome. */
  place: string;
  outcome: string;
}

export const HTTP_REQUESTS: Names = {
  prefix: 'nestor_http',
  requests: 'HTTP requests answered',
  seconds: 'Time from the request line to the end of the answer',
  place: 'route',
  outcome: 'status',
};

export const GRPC_CALLS: Names = {
  prefix: 'nestor_grpc',
  requests: 'gRPC calls answered',
  seconds: 'Time from the whole message to the end of the answer',
  place: 'service',
  outcome: 'code',
};

/** What was counted of one method of one place. */
interface Tally {
  labels: Record<string, string>;
  byOutcome: Map<number | string, number>;
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

  constructor(
    registry: Registry,
    private readonly names: Names,
  ) {
    const { prefix, place, outcome } = names;
    const requests = new Counter({
      name: `${prefix}_requests_total`,
      help: names.requests,
      labelNames: ['method', place, outcome],
      registers: [registry],
      collect: () => {
        requests.reset();
        for (const { labels, byOutcome } of this.all()) {
          for (const [value, count] of byOutcome) requests.inc({ ...labels, [outcome]: value }, count);
        }
      },
    });
    const name = `${prefix}_request_duration_seconds`;
    const about = { name, help: names.seconds, type: 'histogram', aggregator: 'sum' };
    const values = () => [...this.all()].flatMap((tally) => histogramOf(name, tally));
    const seconds = {
      name,
      getForPromString: () => ({ ...about, values: values() }),
      // Where the figures of several processes are added up, only `labels` tells values apart.
      get: () => ({ ...about, values: values().map(withAllLabels) }),
    };
    registry.registerMetric(seconds as unknown as Metric); // it asks no more of a metric
  }

  /** @param place a route's template, never a path: each value is kept for good */
  count(method: string, place: string, outcome: number | string, seconds: number): void {
    const tally = this.tallies.get(place)?.get(method) ?? this.begin(method, place);
    tally.byOutcome.set(outcome, (tally.byOutcome.get(outcome) ?? 0) + 1);
    tally.count++;
    tally.sum += seconds;
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket !== -1) tally.inBucket[bucket] = (tally.inBucket[bucket] as number) + 1;
  }

  private begin(method: string, place: string): Tally {
    const labels = { method, [this.names.place]: place };
    const tally: Tally = { labels, byOutcome: new Map(), inBucket: BUCKETS.map(() => 0), count: 0, sum: 0 };
    const methods = this.tallies.get(place) ?? new Map<string, Tally>();
    this.tallies.set(place, methods.set(method, tally));
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
function histogramOf(name: string, { labels: sharedLabels, inBucket, count, sum }: Tally) {
  let below = 0;
  return [
    ...BUCKETS.map((le, index) => {
      below += inBucket[index] as number;
      return { labels: { le }, sharedLabels, value: below, metricName: `${name}_bucket` };
    }),
    { labels: { le: '+Inf' }, sharedLabels, value: count, metricName: `${name}_bucket` },
    { labels: {}, sharedLabels, value: sum, metricName: `${name}_sum` },
    { labels: {}, sharedLabels, value: count, metricName: `${name}_count` },
  ];
}
