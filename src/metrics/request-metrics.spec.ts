import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Counter, Histogram, Registry } from 'prom-client';
import { HTTP_REQUESTS, RequestMetrics } from './request-metrics.js';

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The same metrics, each observation given to prom-client. */
class ByPromClient {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'nestor_http_requests_total',
    help: 'HTTP requests answered',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  readonly seconds = new Histogram({
    name: 'nestor_http_request_duration_seconds',
    help: 'Time from the request line to the end of the answer',
    labelNames: ['method', 'route'],
    buckets: BUCKETS,
    registers: [this.registry],
  });

  count(method: string, route: string, status: number, seconds: number): void {
    this.requests.inc({ method, route, status });
    this.seconds.observe({ method, route }, seconds);
  }
}

describe('RequestMetrics', () => {
  it('shows what prom-client would, at each time it is asked', async () => {
    const observation = fc.tuple(
      fc.constantFrom('GET', 'POST'),
      fc.constantFrom('/predict', '/v1/models/:model', 'odd"\\\n'),
      fc.constantFrom(200, 400, 499),
      fc.oneof(fc.constantFrom(...BUCKETS), fc.double({ min: 0, max: 20, noNaN: true })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(observation), { maxLength: 3 }), async (scrapes) => {
        const registry = new Registry();
        const ours = new RequestMetrics(registry, HTTP_REQUESTS);
        const theirs = new ByPromClient();
        for (const scrape of scrapes) {
          for (const one of scrape) {
            ours.count(...one);
            theirs.count(...one);
          }
          const [text, wanted] = await Promise.all([registry.metrics(), theirs.registry.metrics()]);
          expect(text.split('\n').sort()).toEqual(wanted.split('\n').sort());
        }
      }),
      { numRuns: 200 },
    );
  });
});
