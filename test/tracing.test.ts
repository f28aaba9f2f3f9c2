import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { step } from '../src/common/trace.js';
import { Tracing } from '../src/tracing/tracing.js';
import { Collector, type ReceivedSpan } from './support/collector.js';
import { ModelFolder } from './support/model-folder.js';
import { linearModel } from './support/onnx.js';
import { ServiceProcess } from './support/process.js';
import { Service } from './support/service.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE, LOOKUP, POISON, turnsPerMs } from './support/slow-models.js';
import { until } from './support/until.js';

jest.setTimeout(90_000);

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE}-${PARENT}-01`;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/;
const SERVER = 2;
const ERROR = 2;

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';
const LOOKUP_SIGNATURE = `
features:
  type: object
  required: [i]
  properties: { i: { type: array, items: { type: integer, minimum: 0, maximum: 1000 }, minItems: 1, maxItems: 1000, examples: [[1]] } }
inputs: { i: i }
output: { task: raw }
`;
const MODELS = {
  'm/1/model.onnx': linearModel([2]),
  'm/1/signature.yaml': SIGNATURE,
  'm/model.yaml': 'primary: true\n',
  'slow/1/model.onnx': COUNTDOWN,
  'slow/1/signature.yaml': `${COUNTDOWN_SIGNATURE}batching: on\n`,
  'table/1/model.onnx': LOOKUP,
  'table/1/signature.yaml': LOOKUP_SIGNATURE,
};

let folder: ModelFolder;
beforeAll(async () => {
  folder = await ModelFolder.with(MODELS);
});
afterAll(() => folder.remove());

/** The one of a request, and its children by their names. */
function sorted(spans: readonly ReceivedSpan[]) {
  const [server] = spans.filter(({ kind }) => kind === SERVER);
  if (!server) throw new Error('there is no span of a request');
  const children = spans.filter((span) => span !== server);
  const named = (name: string) => children.filter((span) => span.name === name);
  return { server, children, queue: named('queue'), run: named('run') };
}

/** What holds for every trace: one request, all else within it, in its time, and each span's id its own. */
function expectWhole(spans: readonly ReceivedSpan[]): void {
  const { server, children } = sorted(spans);
  for (const { parentSpanId, traceId, start, end } of children) {
    expect([parentSpanId, traceId]).toEqual([server.spanId, server.traceId]);
    expect(start <= end && start >= server.start && end <= server.end).toBe(true);
  }
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
}

describe('traces', () => {
  let collector: Collector;
  let service: Service;
  beforeAll(async () => {
    collector = await Collector.start();
    service = await Service.start({ MODELS_DIR: folder.path, OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`, OTEL_SERVICE_NAME: 'risk' }); // prettier-ignore
  });
  afterAll(async () => {
    await service.stop();
    await collector.stop();
  });
  afterEach(() => {
    collector.spans.length = 0;
  });

  it('show the request, its wait and its run, as part of its sender’s trace', async () => {
    const asked = BigInt(Date.now() - 5) * 1_000_000n;
    const { headers } = await service.post('/v1/models/m/predict', { a: 3 }, { traceparent: SAMPLED, tracestate: 'vendor=x1, other=y', 'X-Request-Id': 'r-1' }); // prettier-ignore
    const spans = await collector.trace();
    expectWhole(spans);
    expect(spans.map(({ name }) => name).sort()).toEqual(['POST /v1/models/:model/predict', 'queue', 'run']);
    const { server, queue, run } = sorted(spans);
    expect(server).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, traceState: 'vendor=x1,other=y', status: 0 });
    expect(headers.get('traceparent')).toBe(`00-${TRACE}-${server.spanId}-01`);
    expect(server.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/models/:model/predict',
      'http.response.status_code': 200,
      'url.scheme': 'http',
      'url.path': '/v1/models/m/predict',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(service.url).port),
      'network.protocol.version': '1.1',
      'user_agent.original': 'node',
      'nestor.request_id': 'r-1',
      'nestor.model': 'm',
      'nestor.version': '1',
    });
    expect(server.start >= asked && server.end <= BigInt(Date.now() + 5) * 1_000_000n).toBe(true);
    expect(queue[0]?.end).toBe(run[0]?.start);
    expect(run[0]?.attributes).toEqual({
      'nestor.run.requests': 1,
      'nestor.run.rows': 1,
      'nestor.run.model_ms': expect.any(Number) as unknown,
    });
    expect(server.resource).toMatchObject({ 'service.name': 'risk', 'telemetry.sdk.name': 'opentelemetry' });
    expect([...collector.paths]).toEqual(['POST /v1/traces']);
  });

  it('begin anew where a traceparent is malformed', async () => {
    const malformed = [
      '',
      'no',
      `00-${'0'.repeat(32)}-${PARENT}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${PARENT}-01`,
      `00-${TRACE}-${PARENT}-01-more`,
      `ff-${TRACE}-${PARENT}-01`,
      `00-${TRACE}-${PARENT}`,
      `00-${TRACE}-${PARENT}-0g`,
      `${SAMPLED}, ${SAMPLED}`,
      'a'.repeat(8000),
    ];
    const ask = async (traceparent: string) => {
      const { status, headers } = await service.post('/predict', { a: 1 }, { traceparent, tracestate: '=,\u00ff;' });
      expect(status).toBe(200);
      return headers.get('traceparent');
    };
    const given = [];
    for (const traceparent of malformed) given.push(await ask(traceparent));
    const later = await ask(`cc-${TRACE}-${PARENT}-01-what-is-to-come`);
    const traces = await collector.traces(malformed.length + 1);
    expect(traces.size).toBe(malformed.length + 1);
    for (const spans of traces.values()) {
      const { server } = sorted(spans);
      const isLater = server.traceId === TRACE;
      expect(server.parentSpanId).toBe(isLater ? PARENT : undefined);
      const header = `00-${server.traceId}-${server.spanId}-01`;
      if (isLater) expect(later).toBe(header);
      else expect(given).toContain(header);
    }
  });

  it('are not recorded where the sender does not, and its trace goes on all the same', async () => {
    const { headers } = await service.post('/predict', { a: 1 }, { traceparent: `00-${TRACE}-${PARENT}-00` });
    const [, traceId, spanId, flags] = TRACEPARENT.exec(headers.get('traceparent') ?? '') ?? [];
    expect([traceId, flags, spanId === PARENT]).toEqual([TRACE, '00', false]);
    await service.post('/predict', { a: 1 });
    const spans = await collector.trace();
    expect(spans.some((span) => span.traceId === TRACE)).toBe(false);
  });

  it.each([
    ['/v1/models/nobody/predict', { a: 1 }, 404, 'model_not_found', 'POST /v1/models/:model/predict'],
    ['/predict', { b: 1 }, 400, 'validation_failed', 'POST /predict'],
    ['/predict?x=1', { b: 1 }, 400, 'validation_failed', 'POST /predict'],
    ['/nowhere/at/all', {}, 404, 'route_not_found', 'POST'],
  ])('of POST %s %j: %d is no failure of the service', async (path, body, status, code, name) => {
    const { headers } = await service.post(path, body);
    const { server } = sorted(await collector.trace());
    expect(server).toMatchObject({ name, status: 0 });
    expect(server.attributes).toMatchObject({ 'http.response.status_code': status, 'nestor.error_code': code });
    expect(server.attributes['url.path']).toBe(path.replace('?x=1', ''));
    expect(server.attributes).not.toHaveProperty(['error.type']);
    expect(headers.get('traceparent')).toContain(server.spanId);
  });

  it('say which run failed, and that the request was run again alone', async () => {
    const bodies = [[POISON], [1], [2], [3]].map((i) => ({ i }));
    const answers = await Promise.all(bodies.map((body) => service.post('/v1/models/table/predict', body)));
    expect(answers.map(({ status }) => status)).toEqual([500, 200, 200, 200]);
    const traces = await collector.traces(4);
    for (const spans of traces.values()) expectWhole(spans);
    const failed = [...traces.values()].map(sorted).find(({ server }) => server.status === ERROR);
    expect(failed?.server.attributes).toMatchObject({
      'error.type': 'inference_failed',
      'nestor.error_code': 'inference_failed',
      'http.response.status_code': 500,
    });
    expect(failed?.run.length).toBeGreaterThan(0);
    for (const run of failed?.run ?? []) {
      expect(run.status).toBe(ERROR);
      expect(run.attributes).not.toHaveProperty(['nestor.run.model_ms']);
    }
    expect(failed?.run.at(-1)?.attributes).toMatchObject({ 'nestor.run.requests': 1 });
  });

  it('tell a step that the time was up for: in the queue, and in the middle of a run', async () => {
    const n = [Math.round(1500 * (await turnsPerMs(service, '/v1/models/slow/predict')))];
    await collector.traces(5);
    collector.spans.length = 0;
    const first = service.post('/v1/models/slow/predict', { n }, { 'X-Request-Timeout-Ms': '700', 'X-Request-Id': '1' }); // prettier-ignore
    await sleep(200);
    const second = service.post('/v1/models/slow/predict', { n: [1] }, { 'X-Request-Timeout-Ms': '100', 'X-Request-Id': '2' }); // prettier-ignore
    expect([(await first).status, (await second).status]).toEqual([504, 504]);
    const traces = [...(await collector.traces(2)).values()];
    traces.forEach(expectWhole);
    const of = (id: string) => traces.map(sorted).find(({ server }) => server.attributes['nestor.request_id'] === id);
    expect(of('1')?.server).toMatchObject({ status: ERROR, attributes: { 'error.type': 'deadline_exceeded' } });
    expect(of('1')?.run[0]?.attributes).toMatchObject({ 'nestor.unfinished': true, 'nestor.run.requests': 1 });
    expect(of('1')?.run[0]?.end).toBe(of('1')?.server.end);
    expect(of('2')?.children.map(({ name }) => name)).toEqual(['queue']);
  });

  it('tell of a client that left', async () => {
    const sent = httpRequest(`${service.url}/v1/models/slow/predict`, { method: 'POST', headers: { 'Content-Type': 'application/json' } }); // prettier-ignore
    sent.on('error', () => undefined);
    sent.end(JSON.stringify({ n: [2_000_000] }));
    await sleep(300);
    sent.destroy();
    const { server } = sorted(await collector.trace());
    expect(server.attributes).toMatchObject({ 'nestor.client_left': true });
    expect([server.status, server.attributes['http.response.status_code']]).toEqual([0, undefined]);
  });

  it('of a batch show each of its runs, up to a bound', async () => {
    const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ i: Array.from({ length: index + 1 }, () => 1) })); // prettier-ignore
    await service.post('/v1/models/table/predict/batch', { requests: rows(3) });
    const three = await collector.trace();
    expectWhole(three);
    expect(sorted(three).run.map(({ attributes }) => attributes['nestor.run.rows'])).toEqual([1, 1, 1]);
    await service.post('/v1/models/table/predict/batch', { requests: rows(100) });
    const hundred = await collector.trace();
    expectWhole(hundred);
    expect(hundred).toHaveLength(129);
    expect(sorted(hundred).server.attributes['nestor.steps_left_out']).toBe(72);
  });

  it('show what else is waited for, on any transport', async () => {
    const { tracer } = service.app.get(Tracing);
    const trace = tracer?.begin({ traceparent: SAMPLED }, performance.now());
    if (!trace) throw new Error('there are no traces');
    const caller = { trace };
    expect(await step(caller, 'lookup', () => Promise.resolve(7), (rows) => ({ rows }))).toBe(7); // prettier-ignore
    await expect(step(caller, 'cache', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    void step(caller, 'late', () => new Promise(() => undefined));
    trace.end({
      name: 'inference.GRPCInferenceService/ModelInfer',
      details: { 'rpc.system': 'grpc' },
      hasFailed: true,
    });
    const spans = await collector.trace();
    expectWhole(spans);
    expect(sorted(spans).server).toMatchObject({ traceId: TRACE, status: ERROR, attributes: { 'rpc.system': 'grpc' } });
    expect(sorted(spans).children).toMatchObject([
      { name: 'lookup', status: 0, attributes: { rows: 7 } },
      { name: 'cache', status: ERROR },
      { name: 'late', status: 0, attributes: { 'nestor.unfinished': true } },
    ]);
    expect(await step({}, 'lookup', () => Promise.resolve(8))).toBe(8);
  });

  it('leave probes and metrics out', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics'])
      expect((await service.get(path)).headers.get('traceparent')).toBeNull();
    await service.get('/v1/models');
    expect((await collector.trace()).map(({ name }) => name)).toEqual(['GET /v1/models']);
  });

  it('of 200 clients at once are never mixed up, and those who share a run find each other', async () => {
    const CLIENTS = 200;
    const EACH = 5;
    const id = (client: number, turn: number) => (client * EACH + turn + 1).toString(16).padStart(16, '0');
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        for (let turn = 0; turn < EACH; turn++) {
          const name = id(client, turn);
          const traceparent = `00-${name}${name}-${name}-0${(client + turn) % 3 ? 1 : 0}`;
          const rows = Array.from({ length: 1 + ((client + turn) % 4) }, (_, row) => ({ a: client + row }));
          const { json, headers } = await service.post('/predict/batch', { requests: rows }, { traceparent, 'X-Request-Id': name }); // prettier-ignore
          expect(json.predictions[0].prediction).toBe(2 * client);
          expect(headers.get('traceparent')).toContain(name + name);
        }
      }),
    );
    const all = Array.from({ length: CLIENTS * EACH }, (_, index) => ({ client: Math.floor(index / EACH), turn: index % EACH })); // prettier-ignore
    const wanted = all.filter(({ client, turn }) => (client + turn) % 3);
    const traces = await collector.traces(wanted.length);
    expect(traces.size).toBe(wanted.length);
    for (const { client, turn } of wanted) {
      const name = id(client, turn);
      const spans = traces.get(name + name) ?? [];
      expectWhole(spans);
      const { server, queue, run } = sorted(spans);
      expect([server.parentSpanId, server.attributes['nestor.request_id']]).toEqual([name, name]);
      expect([spans.length, queue.length, run.length]).toEqual([3, 1, 1]);
    }
    const runs = [...traces.values()].map((spans) => sorted(spans).run[0] as ReceivedSpan);
    const byId = new Map(runs.map((run) => [run.spanId, run]));
    const shared = Map.groupBy(runs, ({ spanId, links }) => links[0]?.spanId ?? spanId);
    expect(Math.max(...[...shared.values()].map(({ length }) => length))).toBeGreaterThan(1);
    for (const [first, group] of shared) {
      const { attributes, links, traceId } = byId.get(first) as ReceivedSpan;
      expect(links).toEqual([]);
      expect(group.length).toBeLessThanOrEqual(Number(attributes['nestor.run.requests'])); // not all are recorded
      for (const one of group) {
        expect(one.attributes).toEqual(attributes);
        if (one.spanId !== first) expect(one.links).toMatchObject([{ traceId, spanId: first }]);
      }
    }
  });
});

describe('what a collector may do', () => {
  let service: ServiceProcess | undefined;
  let collector: Collector | undefined;
  afterEach(async () => {
    service?.signal('SIGKILL');
    await service?.exit();
    await collector?.stop();
    service = undefined;
    collector = undefined;
  });

  /** Shorter than by default, in the words that OpenTelemetry's exporters share. */
  const start = async (endpoint: string, more: Record<string, string> = {}) => {
    service = await ServiceProcess.start({
      MODELS_DIR: folder.path,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      ...more,
    });
    return { service, url: await service.url() };
  };
  const post = async (url: string, path: string, body: unknown, headers: Record<string, string> = {}) => {
    const sent = httpRequest(url + path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } }); // prettier-ignore
    sent.end(JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    await text(response);
    return response;
  };
  const told = ({ log }: ServiceProcess) =>
    log.flatMap(({ msg, level }) => (String(msg).includes(' traces') ? [`${String(level)}: ${String(msg)}`] : []));

  it.each([
    ['hangs', 'Request timed out'],
    [500, 'it answers 500'],
    [503, 'Export failed with retryable status'],
  ] as const)('it %s: requests are answered, one line says so, and it ends in time', async (mood, problem) => {
    collector = await Collector.start();
    collector.mood = mood;
    const { service, url } = await start(collector.url);
    const delays: number[] = [];
    const began = performance.now();
    while (told(service).length === 0 || performance.now() - began < 4000) {
      const asked = performance.now();
      expect((await post(url, '/predict', { a: 1 })).statusCode).toBe(200);
      delays.push(performance.now() - asked);
      await sleep(5);
    }
    expect(delays.sort((a, b) => a - b)[Math.floor(delays.length / 2)]).toBeLessThan(250);
    const asked = performance.now();
    expect(await service.stop()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(15_000);
    expect(told(service)).toHaveLength(1);
    expect(told(service)[0]).toMatch(new RegExp(`^warn: Collector 127.0.0.1:\\d+ does not take traces \\((${problem})`, 'i')); // prettier-ignore
    expect(service.stderr).toBe('');
  });

  it('away: what fits waits, the rest is counted, and what waits arrives once it is back', async () => {
    const closed = await Collector.start();
    const { port } = closed;
    await closed.stop();
    const { service, url } = await start(`http://user:secret@127.0.0.1:${port}`);
    await post(url, '/predict', { a: 1 }, { traceparent: SAMPLED });
    await until(() => told(service).length > 0);
    // Two spans for each run: over 10,000 of them.
    const requests = Array.from({ length: 100 }, (_, index) => ({ i: Array.from({ length: index + 1 }, () => 1) }));
    for (let i = 0; i < 85; i++)
      expect((await post(url, '/v1/models/table/predict/batch', { requests })).statusCode).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(Number(/^nestor_spans_dropped_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(800);
    collector = await Collector.start(port);
    await until(() => told(service).length === 2);
    const { spans } = collector;
    await until(() => spans.length >= 10_000 - 200);
    expect(told(service)).toEqual([
      `warn: Collector 127.0.0.1:${port} does not take traces (ECONNREFUSED): requests are answered all the same`,
      `info: Collector 127.0.0.1:${port} takes traces again`,
    ]);
    expect(service.stdout).not.toContain('secret');
    expect(await service.stop()).toBe(0);
  });

  it('slow: every trace arrives all the same', async () => {
    collector = await Collector.start();
    collector.mood = 'slow';
    const { url } = await start(collector.url);
    for (let i = 0; i < 50; i++) await post(url, '/predict', { a: i });
    expect((await collector.traces(50)).size).toBe(50);
  });

  it('the spans of the last moment arrive before the service ends', async () => {
    collector = await Collector.start();
    const { service, url } = await start(collector.url);
    await Promise.all(Array.from({ length: 40 }, () => post(url, '/predict', { a: 1 })));
    expect(await service.stop()).toBe(0);
    expect(collector.spans.filter(({ kind }) => kind === SERVER)).toHaveLength(40);
    expect(collector.spans).toHaveLength(120);
  });

  it('a request that is cut off at the end has its trace, too', async () => {
    collector = await Collector.start();
    const { service, url } = await start(collector.url, { SHUTDOWN_TIMEOUT_MS: '300' });
    const lost = post(url, '/v1/models/slow/predict', { n: [2_000_000] }).catch(() => undefined);
    await sleep(500);
    await service.stop();
    await lost;
    expect(sorted(collector.spans).server.attributes).toMatchObject({ 'nestor.client_left': true });
  });

  it('OTEL_TRACES_SAMPLER_ARG is for traces that begin here', async () => {
    collector = await Collector.start();
    const { service, url } = await start(collector.url, { OTEL_TRACES_SAMPLER_ARG: '0' });
    expect((await post(url, '/predict', { a: 1 })).headers.traceparent).toMatch(/-00$/);
    expect((await post(url, '/predict', { a: 1 }, { traceparent: SAMPLED })).headers.traceparent).toMatch(/-01$/);
    await service.stop();
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE, TRACE]);
  });

  it('both lines of a request, and that of its failure, name trace and span', async () => {
    collector = await Collector.start();
    const { service, url } = await start(collector.url);
    const { headers } = await post(url, '/v1/models/table/predict', { i: [POISON] }, { traceparent: SAMPLED });
    await service.stop();
    const lines = service.log.filter(({ msg }) => String(msg).startsWith('request_'));
    expect(lines.map(({ msg }) => msg)).toEqual(['request_started', 'request_failed', 'request_completed']);
    const [, trace_id, span_id] = TRACEPARENT.exec(String(headers.traceparent)) ?? [];
    for (const line of lines) expect(line).toMatchObject({ trace_id, span_id });
    expect(trace_id).toBe(TRACE);
  });

  it('without one nothing is traced', async () => {
    const { service, url } = await start('');
    expect((await post(url, '/predict', { a: 1 }, { traceparent: SAMPLED })).headers.traceparent).toBeUndefined();
    await service.stop();
    expect(service.stdout).not.toContain('trace_id');
  });
});
