import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { counted, leavingClient } from './support/counted.js';
import { identityModel, linearModel, onnxModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { pipelined } from './support/pipelined.js';
import { type Answer, Service } from './support/service.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE, LOOKUP, POISON, turnsPerMs } from './support/slow-models.js';
import { spellings } from './support/spelling.js';
import { until } from './support/until.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';

/** Gives back what it was given, with -1 for what is missing. */
const ECHO = onnxModel({
  inputs: [
    { name: 'x', shape: ['N', 8] },
    { name: 'list', shape: ['N', 2] },
    { name: 'words', type: 'string', shape: ['N', 2] },
  ],
  outputs: [
    { name: 'y', shape: ['N', 8] },
    { name: 'items', shape: ['N', 2] },
    { name: 'texts', type: 'string', shape: ['N', 2] },
  ],
  nodes: [
    { op: 'IsNaN', inputs: ['x'], outputs: ['missing'] },
    { op: 'Where', inputs: ['missing', 'none', 'x'], outputs: ['y'] },
    { op: 'Identity', inputs: ['list'], outputs: ['items'] },
    { op: 'Identity', inputs: ['words'], outputs: ['texts'] },
  ],
  constants: [{ name: 'none', shape: [1], values: [-1] }],
});
const ECHO_SIGNATURE = `
features:
  type: object
  required: [n, i, flag, kind, list, word, more]
  properties:
    n: {type: number}
    i: {type: integer, minimum: -1000, maximum: 1000}
    flag: {type: boolean}
    kind: {enum: [red, green, blue]}
    some: {type: [number, 'null'], default: 7}
    maybe: {type: [number, 'null'], minimum: 0}
    list: {type: array, items: {type: number}, minItems: 2, maxItems: 2}
    word: {type: string}
    more: {type: string}
inputs: {x: [n, i, flag, {oneHot: kind}, some, maybe], list: list, words: [word, more]}
`;
/** Features with names that objects inherit, an output with another, and 64-bit integers. */
const NAMES = onnxModel({
  inputs: [{ name: 'x', type: 'int64', shape: ['N', 2] }],
  outputs: [{ name: 'constructor', type: 'int64', shape: ['N', 2] }],
  nodes: [{ op: 'Mul', inputs: ['x', 'large'], outputs: ['constructor'] }],
  constants: [{ name: 'large', type: 'int64', shape: [1], values: [1023] }],
});
const NAMES_SIGNATURE = `
features: {type: object, required: [constructor, toString], properties: {constructor: {type: integer}, toString: {type: integer}}}
inputs: {x: [constructor, toString]}
output: {task: raw}
batching: on
`;
/** Lists of any length. */
const WIDE_SIGNATURE = `
features:
  type: object
  required: [v, w]
  properties:
    v: {type: array, items: {type: array, items: {type: number}}, examples: [[[1]]]}
    w: {type: array, items: {type: number}, examples: [[1]]}
inputs: {v: v, w: w}
batching: on
`;
/** Each row minus the mean of its run: what rows say depends on each other. */
const CENTRED = onnxModel({
  inputs: [{ name: 'a', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [
    { op: 'ReduceMean', inputs: ['a'], outputs: ['mean'], attributes: { axes: [0] } },
    { op: 'Sub', inputs: ['a', 'mean'], outputs: ['y'] },
  ],
});
/** The root of what is sent: none of what is negative. */
const ROOT = onnxModel({
  inputs: [{ name: 'a', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [{ op: 'Sqrt', inputs: ['a'], outputs: ['y'] }],
});
const LOOKUP_SIGNATURE =
  'features: {type: object, required: [i], properties: {i: {type: array, items: {type: integer}, minItems: 1, maxItems: 1, examples: [[1]]}}}\ninputs: {i: i}\nbatching: on\n';

interface EchoRow {
  n: number;
  i: number;
  flag: boolean;
  kind: string;
  some?: number | null;
  maybe?: number | null;
  list: number[];
  word: string;
  more: string;
}

describe('cached predictions', () => {
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'plain/1/model.onnx': linearModel([2]),
      'plain/1/signature.yaml': SIGNATURE,
      'always/1/model.onnx': linearModel([3]),
      'always/1/signature.yaml': SIGNATURE,
      'always/model.yaml': 'cache: true\n',
      'short/1/model.onnx': linearModel([4]),
      'short/1/signature.yaml': SIGNATURE,
      'short/model.yaml': 'cache: {ttl: 300ms}\n',
      'never/1/model.onnx': linearModel([5]),
      'never/1/signature.yaml': SIGNATURE,
      'never/model.yaml': 'cache: false\n',
      'echo/1/model.onnx': ECHO,
      'echo/1/signature.yaml': ECHO_SIGNATURE,
      'echo/model.yaml': 'cache: {ttl: 1h}\n',
      'names/1/model.onnx': NAMES,
      'names/1/signature.yaml': NAMES_SIGNATURE,
      'names/model.yaml': 'cache: true\n',
      'centred/1/model.onnx': CENTRED,
      'centred/1/signature.yaml': SIGNATURE,
      'centred/model.yaml': 'cache: true\n',
      'root/1/model.onnx': ROOT,
      'root/1/signature.yaml': SIGNATURE,
      'root/model.yaml': 'cache: true\n',
      'lookup/1/model.onnx': LOOKUP,
      'lookup/1/signature.yaml': LOOKUP_SIGNATURE,
      'lookup/model.yaml': 'cache: true\n',
      'wide/1/model.onnx': identityModel({ name: 'v', shape: ['N', 'H', 'W'] }, { name: 'w', shape: ['N', 'L'] }),
      'wide/1/signature.yaml': WIDE_SIGNATURE,
      'wide/model.yaml': 'cache: true\n',
    });
    service = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'plain', CACHE_TTL_S: '3600' });
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const at = (model: string) => `/v1/models/${model}/predict`;
  const cache = ({ headers }: Answer) => headers.get('x-cache');
  const runs = (model: string) => counted(service, 'nestor_inference_rows_total', { model });
  const ask = async (model: string, row: object, headers: Record<string, string> = {}) => {
    const answer = await service.post(at(model), row, headers);
    return [cache(answer), answer.json.prediction as unknown];
  };

  describe('where', () => {
    it('/predict/cached answers the same row from memory, with the time of the answer', async () => {
      const first = await service.post('/predict/cached', { a: 21 });
      await sleep(5);
      const second = await service.post('/predict/cached', { a: 21 });
      expect([first.status, cache(first), first.headers.get('age')]).toEqual([200, 'miss', null]);
      expect([second.status, cache(second), second.headers.get('age')]).toEqual([200, 'hit', '0']);
      const { timestamp, ...rest } = first.json;
      expect(second.json).toEqual({ ...rest, timestamp: expect.any(String) as unknown });
      expect(second.json).toMatchObject({ prediction: 42, model_version: '1' });
      expect(Date.parse(String(second.json.timestamp))).toBeGreaterThan(Date.parse(String(timestamp)));
      expect(second.headers.get('x-model-version')).toBe('1');
    });

    it('other routes say nothing of the cache unless model.yaml does', async () => {
      for (const path of ['/predict', '/predict/batch', at('plain'), `${at('plain')}/batch`]) {
        const body = path.endsWith('batch') ? { requests: [{ a: 21 }] } : { a: 21 };
        const { status, headers } = await service.post(path, body);
        expect([status, headers.get('x-cache'), headers.get('x-cache-hits')]).toEqual([200, null, null]);
      }
    });

    it('a model whose model.yaml says so is cached on every route, and by every name of its version', async () => {
      const before = await runs('always');
      expect(await ask('always', { a: 1 })).toEqual(['miss', 3]);
      const paths = [at('always'), '/v1/models/always/versions/1/predict'];
      for (const path of paths) expect(cache(await service.post(path, { a: 1 }))).toBe('hit');
      expect(await ask('always', { a: 1 }, { 'X-Model-Version': 'latest' })).toEqual(['hit', 3]);
      expect((await runs('always')) - before).toBe(1);
    });

    it('/predict of such a model is cached, too', async () => {
      const other = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'always' });
      for (const expected of ['miss', 'hit']) expect(cache(await other.post('/predict', { a: 1 }))).toBe(expected);
      expect((await other.post('/predict/batch', { requests: [{ a: 1 }] })).headers.get('x-cache')).toBe('hit');
      await other.stop();
    });

    it('cache: false holds for /predict/cached as well', async () => {
      const other = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'never' });
      for (let i = 0; i < 2; i++) {
        const answer = await other.post('/predict/cached', { a: 2 });
        expect([answer.status, cache(answer), answer.json.prediction]).toEqual([200, 'miss', 10]);
      }
      expect(await counted(other, 'nestor_inference_rows_total', { model: 'never' })).toBe(2);
      expect(cache(await other.post('/predict', { a: 2 }))).toBeNull();
      await other.stop();
    });

    it('GET /v1/models shows what model.yaml says', async () => {
      const shown = async (model: string) => (await service.get(`/v1/models/${model}`)).json.cache as unknown;
      expect([await shown('plain'), await shown('always'), await shown('never')]).toEqual([undefined, true, false]);
      expect(await shown('short')).toEqual({ ttl: '300ms' });
    });
  });

  describe('which rows are the same', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0); // no -0
    const word = fc.constantFrom('', 'a', 'b', ',', 'a,', ',b', '"', '","', 'é', '__proto__');
    const row = fc.record<EchoRow>(
      {
        n: fc.oneof(float, fc.integer({ min: -1e6, max: 1e6 })),
        i: fc.integer({ min: -1000, max: 1000 }),
        flag: fc.boolean(),
        kind: fc.constantFrom('red', 'green', 'blue'),
        some: fc.constantFrom(7, null, 0, 1.5),
        maybe: fc.constantFrom(null, 0, 2),
        list: fc.array(float, { minLength: 2, maxLength: 2 }),
        word,
        more: word,
      },
      { requiredKeys: ['n', 'i', 'flag', 'kind', 'list', 'word', 'more'] },
    );
    /** What the model says of a row: its values as the model sees them. */
    const echo = ({ n, i, flag, kind, some, maybe, list, word: one, more }: EchoRow) => ({
      y: [n, i, Number(flag), ...['red', 'green', 'blue'].map((colour) => Number(colour === kind)), some ?? 7, maybe ?? -1].map(Math.fround), // prettier-ignore
      items: list.map(Math.fround),
      texts: [one, more],
    });
    const seen = async (text: string, headers: Record<string, string> = {}) => {
      const answer = await service.send(at('echo'), text, headers);
      const { y, items, texts } = answer.json.outputs as { y: number[]; items: number[]; texts: string[] };
      return { cache: cache(answer), outputs: { y: y.map(Math.fround), items: items.map(Math.fround), texts } };
    };

    it('those that mean the same, in whatever order, spelling and space, with defaults or without', async () => {
      const pair = row.chain((one) => {
        // A default that is left out, or null in its place; and null for what may be missing.
        const others = [one];
        if (one.some === 7 || one.some === null || one.some === undefined) {
          const { some: _, ...rest } = one;
          others.push({ ...rest, some: 7 }, { ...rest, some: null }, rest);
        }
        if (one.maybe === null || one.maybe === undefined) {
          const { maybe: _, ...rest } = others.at(-1) as EchoRow;
          others.push({ ...rest, maybe: null }, rest);
        }
        const text = fc.constantFrom(...others).chain((other) => spellings({ ...other }));
        return fc.tuple(fc.constant(one), text, text);
      });
      await fc.assert(
        fc.asyncProperty(pair, async ([one, first, second]) => {
          await seen(first, { 'Cache-Control': 'no-cache' });
          expect(await seen(second)).toEqual({ cache: 'hit', outputs: echo(one) });
        }),
        { numRuns: 300 },
      );
    }, 60_000);

    it('no others: whatever was asked before, the answer is to this row', async () => {
      const changed = fc.tuple(row, row, fc.subarray(['n', 'i', 'flag', 'kind', 'some', 'maybe', 'list', 'word', 'more'] as const, { minLength: 1, maxLength: 2 })); // prettier-ignore
      await fc.assert(
        fc.asyncProperty(changed, async ([one, other, names]) => {
          const mixed = { ...one, ...Object.fromEntries(names.map((name) => [name, other[name]])) };
          await seen(JSON.stringify(one), { 'Cache-Control': 'no-cache' });
          expect((await seen(JSON.stringify(mixed))).outputs).toEqual(echo(mixed));
        }),
        { numRuns: 300 },
      );
    }, 60_000);

    it('each feature that differs is another row', async () => {
      const one: EchoRow = {
        n: 0.5,
        i: 1,
        flag: true,
        kind: 'red',
        some: 2,
        maybe: 3,
        list: [1, 2],
        word: 'x',
        more: 'y',
      };
      const others: Partial<EchoRow>[] = [
        { n: 0.25 }, { i: 2 }, { flag: false }, { kind: 'green' }, { some: 7 }, { maybe: null }, { list: [2, 1] }, { word: 'x ' }, { more: 'x' }, { word: 'y', more: 'x' }, { word: 'a,', more: 'b' }, { word: 'a', more: ',b' },
      ]; // prettier-ignore
      await seen(JSON.stringify(one));
      for (const other of others) {
        const text = JSON.stringify({ ...one, ...other });
        expect([(await seen(text)).cache, (await seen(text)).cache]).toEqual(['miss', 'hit']);
      }
    });

    it('rows of any shape keep their own answers', async () => {
      const length = fc.integer({ min: 1, max: 3 });
      const shape = fc.record({ height: length, width: length, length });
      const row = shape.map(({ height, width, length: more }) => ({
        v: Array.from({ length: height }, () => Array.from({ length: width }, () => 1)),
        w: Array.from({ length: more }, () => 1),
      }));
      await fc.assert(
        fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 6 }), async (rows) => {
          const { json } = await service.post(`${at('wide')}/batch`, { requests: rows });
          const predictions = json.predictions as { outputs: { v_out: unknown; w_out: unknown } }[];
          expect(predictions.map(({ outputs: { v_out: v, w_out: w } }) => ({ v, w }))).toEqual(rows);
        }),
        { numRuns: 100 },
      );
    });

    it('names that objects inherit are names like any other, and 64-bit integers keep their digits', async () => {
      const text = '{"toString":9007199254740991,"constructor":1}';
      const answers = [await service.send(at('names'), text), await service.send(at('names'), text)];
      expect(answers.map(cache)).toEqual(['miss', 'hit']);
      for (const answer of answers)
        expect(answer.text).toContain('"outputs":{"constructor":[1023,9214364837600033793]}');
      expect(cache(await service.send(at('names'), '{"toString":1,"constructor":9007199254740991}'))).toBe('miss');
      const hostile = '{"toString":1,"constructor":2,"__proto__":{"constructor":3}}';
      expect((await service.send(at('names'), hostile)).status).toBe(400);
    });
  });

  describe('what a caller may ask', () => {
    it('no-cache has it made anew, and kept; no-store not kept either', async () => {
      const before = await runs('always');
      const control = (value: string) => ask('always', { a: 50 }, { 'Cache-Control': value });
      expect(await control('no-store')).toEqual(['miss', 150]);
      expect(await control('no-store')).toEqual(['miss', 150]);
      expect(await control('no-cache')).toEqual(['miss', 150]);
      expect(await ask('always', { a: 50 })).toEqual(['hit', 150]);
      expect(await control('no-cache')).toEqual(['miss', 150]);
      expect(await control('max-age=0')).toEqual(['miss', 150]);
      expect(await control('max-age=60')).toEqual(['hit', 150]);
      expect((await runs('always')) - before).toBe(5);
    });

    it('max-age bounds the age of an answer, which Age tells', async () => {
      await ask('always', { a: 51 });
      await sleep(1050);
      const old = await service.post(at('always'), { a: 51 });
      expect([cache(old), old.headers.get('age')]).toEqual(['hit', '1']);
      expect(await ask('always', { a: 51 }, { 'Cache-Control': 'max-age=1' })).toEqual(['miss', 153]);
      const fresh = await service.post(at('always'), { a: 51 });
      expect([cache(fresh), fresh.headers.get('age')]).toEqual(['hit', '0']);
    });
  });

  it('the ttl of model.yaml bounds how long an answer is given again, however often it is asked for', async () => {
    expect(await ask('short', { a: 1 })).toEqual(['miss', 4]);
    const from = performance.now();
    const seen: unknown[] = [];
    while (performance.now() - from < 700) {
      const [what] = await ask('short', { a: 1 });
      if (performance.now() - from < 250) expect(what).toBe('hit');
      seen.push(what);
      await sleep(20);
    }
    expect(seen.filter((what) => what === 'miss').length).toBeGreaterThanOrEqual(2);
  });

  describe('batches', () => {
    const batch = async (model: string, rows: object[], headers: Record<string, string> = {}) => {
      const answer = await service.post(`${at(model)}/batch`, { requests: rows }, headers);
      const predictions = answer.json.predictions as { prediction: number }[] | undefined;
      return { cache: cache(answer), hits: answer.headers.get('x-cache-hits'), values: predictions?.map(({ prediction }) => prediction), answer }; // prettier-ignore
    };

    it('run only the rows that nobody asked for yet, and keep their order', async () => {
      const value = fc.integer({ min: 0, max: 40 });
      const known = new Set<number>();
      await fc.assert(
        fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 12 }), async (values) => {
          const before = await runs('always');
          const { values: given, cache: what, hits } = await batch('always', values.map((a) => ({ a: 1000 + a }))); // prettier-ignore
          expect(given).toEqual(values.map((a) => 3000 + 3 * a));
          const hit = values.filter((a) => known.has(a)).length;
          expect([what, hits]).toEqual([hit === values.length ? 'hit' : 'miss', String(hit)]);
          expect((await runs('always')) - before).toBe(new Set(values.filter((a) => !known.has(a))).size);
          for (const a of values) known.add(a);
        }),
        { numRuns: 60 },
      );
    }, 60_000);

    it('share their rows with single requests, and tell the age of the oldest', async () => {
      await ask('always', { a: 2001 });
      await sleep(1050);
      const { hits, answer } = await batch('always', [{ a: 2001 }, { a: 2002 }, { a: 2002 }]);
      expect([hits, answer.headers.get('age')]).toEqual(['1', '1']);
      expect(await ask('always', { a: 2002 })).toEqual(['hit', 6006]);
    });

    it('one bad row fails them all, and nothing is run or kept', async () => {
      const before = await runs('always');
      const { answer } = await batch('always', [{ a: 3001 }, { a: 'x' }]);
      expect([answer.status, answer.json.code]).toEqual([400, 'validation_failed']);
      expect((await runs('always')) - before).toBe(0);
      expect((await ask('always', { a: 3001 }))[0]).toBe('miss');
    });

    it('whose rows depend on each other are run as they are: a row alone has another answer', async () => {
      expect(await ask('centred', { a: 6 })).toEqual(['miss', 0]);
      expect(await ask('centred', { a: 6 })).toEqual(['hit', 0]);
      for (let i = 0; i < 2; i++) {
        const { values, cache: what, hits } = await batch('centred', [{ a: 6 }, { a: 2 }]);
        expect([values, what, hits]).toEqual([[2, -2], 'miss', '0']);
      }
    });

    it('no-cache goes around it for all rows, and keeps them', async () => {
      const rows = [{ a: 4001 }, { a: 4002 }];
      await batch('always', rows);
      expect(await batch('always', rows, { 'Cache-Control': 'no-cache' })).toMatchObject({ cache: 'miss', hits: '0' });
      expect(await batch('always', rows)).toMatchObject({ cache: 'hit', hits: '2', values: [12003, 12006] });
    });
  });

  describe('failures', () => {
    it('are never kept: what the model cannot answer is asked of it again', async () => {
      const before = await runs('root');
      for (let i = 0; i < 2; i++) {
        const answer = await service.post(at('root'), { a: -1 });
        expect([answer.status, answer.json.code, cache(answer)]).toEqual([500, 'non_finite_output', null]);
      }
      expect((await runs('root')) - before).toBe(2);
      const { json } = await service.post(`${at('root')}/batch`, { requests: [{ a: 4 }, { a: -1 }] });
      expect(json.errors).toMatchObject([{ path: '/requests/1' }]);
      expect(await ask('root', { a: 4 })).toEqual(['hit', 2]); // the other row had its answer

      for (let i = 0; i < 2; i++) {
        const answer = await service.post(at('lookup'), { i: [POISON] });
        expect([answer.status, answer.json.code]).toEqual([500, 'inference_failed']);
      }
      const failures = { model: 'lookup', code: 'inference_failed' };
      expect(await counted(service, 'nestor_inference_failures_total', failures)).toBe(2);
    });
  });

  it('metrics count each row as a hit, a miss, or one that shared a run', async () => {
    const of = (name: string, labels = {}) => counted(service, `nestor_cache_${name}`, { model: 'always', ...labels });
    const before = [await of('hits_total', { place: 'memory' }), await of('misses_total'), await of('shared_total')];
    const requests = [{ a: 5001 }, { a: 5001 }, { a: 5002 }];
    await service.post(`${at('always')}/batch`, { requests });
    await service.post(`${at('always')}/batch`, { requests });
    const after = [await of('hits_total', { place: 'memory' }), await of('misses_total'), await of('shared_total')];
    expect(after.map((count, index) => count - (before[index] as number))).toEqual([3, 2, 1]);
    const entries = await counted(service, 'nestor_cache_entries', {});
    expect(entries).toBeGreaterThan(2);
    expect(await counted(service, 'nestor_cache_bytes', {})).toBeGreaterThan(entries * 100);
  });

  it.each([
    ['cache: 60s', 'cache: must be true or false or an object'],
    ['cache: {ttl: 60}', 'must be a time from 1ms to 8760h, as in 500ms, 60s, 5m or 1h'],
    ['cache: {ttl: 60 s}', 'must be a time'],
    ['cache: {ttl: 0s}', 'must be a time'],
    ['cache: {ttl: -5m}', 'must be a time'],
    ['cache: {ttl: 9999h}', 'must be a time'],
    ['cache: {}', 'ttl'],
    ['cache: {ttl: 1m, size: 5}', 'size'],
  ])('model.yaml: %s is a mistake that is named', async (line, problem) => {
    const other = await ModelFolder.with({
      'm/1/model.onnx': linearModel([1]),
      'm/1/signature.yaml': SIGNATURE,
      'm/model.yaml': `primary: true\n${line}\n`,
    });
    const broken = await Service.start({ MODELS_DIR: other.path });
    const { json } = await broken.get('/v1/models/m');
    expect(json.reason).toContain('model.yaml:2');
    expect(json.reason).toContain(problem);
    await broken.stop();
    await other.remove();
  });
});

describe('requests for the same row at the same time', () => {
  let folder: ModelFolder;
  let service: Service;
  /** Turns of the loop that take about 200 ms. */
  let turns: number;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'slow/1/model.onnx': COUNTDOWN,
      'slow/1/signature.yaml': `${COUNTDOWN_SIGNATURE}batching: on\nlimits: {threads: 1, run_rows: 1, queue_rows: 4}\n`,
      'slow/model.yaml': 'primary: true\ncache: {ttl: 1h}\n',
      'lookup/1/model.onnx': LOOKUP,
      'lookup/1/signature.yaml': LOOKUP_SIGNATURE,
      'lookup/model.yaml': 'cache: true\n',
    });
    service = await Service.start({ MODELS_DIR: folder.path });
    turns = Math.ceil(200 * (await turnsPerMs(service, '/predict')));
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const rows = () => counted(service, 'nestor_inference_rows_total', { model: 'slow' });
  /** A row that nobody asked for yet, and which takes a while. */
  const newRow = () => ({ n: [turns++] });
  const ask = async (row: object, headers: Record<string, string> = {}) => {
    const { status, json, headers: given } = await service.post('/predict', row, headers);
    return { status, code: json.code as unknown, cache: given.get('x-cache'), y: (json.outputs as { y: number[] } | undefined)?.y }; // prettier-ignore
  };

  it('share one run, and its answer', async () => {
    const row = newRow();
    const before = await rows();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(row)));
    for (const { status, cache, y } of answers) expect([status, cache, y]).toEqual([200, 'miss', [10 * (turns - 1)]]);
    expect((await rows()) - before).toBe(1);
    expect(await counted(service, 'nestor_cache_shared_total', { model: 'slow' })).toBe(49);
    expect((await ask(row)).cache).toBe('hit');
  });

  it('go on when the first of them leaves', async () => {
    const busy = ask(newRow()); // what follows waits in the queue
    await sleep(20);
    const row = newRow();
    const before = await rows();
    const first = leavingClient(`${service.url}/predict`, row);
    await sleep(20);
    const others = [ask(row), ask(row)];
    await sleep(20);
    first.leave();
    for (const { status } of [await busy, ...(await Promise.all(others))]) expect(status).toBe(200);
    expect((await rows()) - before).toBe(2); // the busy one, and one for all
  });

  it('go on when the time of the first of them is up', async () => {
    const busy = ask(newRow());
    await sleep(20);
    const row = newRow();
    const first = ask(row, { 'X-Request-Timeout-Ms': '60' });
    await sleep(20);
    const other = ask(row);
    expect(await first).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    expect([(await other).status, (await busy).status]).toEqual([200, 200]);
  });

  it('are each answered in their own time, though the run of the first goes on', async () => {
    const row = newRow();
    const first = ask(row);
    await sleep(20);
    expect(await ask(row, { 'X-Request-Timeout-Ms': '50' })).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    expect((await first).status).toBe(200);
  });

  it('are not run when all of them have left', async () => {
    const busy = ask(newRow());
    await sleep(20);
    const row = newRow();
    const before = await rows();
    const clients = [leavingClient(`${service.url}/predict`, row), leavingClient(`${service.url}/predict`, row)];
    await sleep(40);
    for (const { leave } of clients) leave();
    await busy;
    const abandoned = { model: 'slow', reason: 'abandoned' };
    await until(async () => (await counted(service, 'nestor_queue_refused_rows_total', abandoned)) > 0);
    expect((await rows()) - before).toBe(1); // the busy one
  });

  it('are not refused because the first of them was: it brought more than the queue holds', async () => {
    const busy = ask(newRow());
    await sleep(20);
    const row = newRow();
    const waits = ask(newRow()); // a queue that is not empty takes no more than its limit
    await sleep(20);
    const large = service.post('/predict/batch', { requests: [row, ...Array.from({ length: 5 }, newRow)] });
    const [refused, one] = await Promise.all([large, ask(row)]);
    expect([refused.status, refused.json.code]).toEqual([503, 'overloaded']);
    expect(one.status).toBe(200);
    await Promise.all([busy, waits]);
  });

  it('are not failed by what fails another one that brought the row first', async () => {
    const bodies = [{ requests: [{ i: [5] }, { i: [POISON] }] }, { requests: [{ i: [5] }, { i: [6] }] }, { requests: [{ i: [5] }, { i: [7] }] }]; // prettier-ignore
    const [failed, ...others] = await pipelined(service.url, '/v1/models/lookup/predict/batch', bodies);
    expect(failed).toContain('"code":"inference_failed"');
    expect(await counted(service, 'nestor_cache_shared_total', { model: 'lookup' })).toBe(2);
    for (const [index, answer] of others.entries()) {
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toMatch(new RegExp(`"y":\\[50\\].*"y":\\[${60 + 10 * index}\\]`));
    }
  });

  it('batches share the runs of single requests and of each other', async () => {
    const [a, b] = [newRow(), newRow()];
    const before = await rows();
    const single = ask(a);
    await sleep(10);
    const batches = [1, 2].map(() => service.post('/predict/batch', { requests: [a, b] }));
    for (const { status } of await Promise.all([...batches, single])) expect(status).toBe(200);
    expect((await rows()) - before).toBe(2);
  });
});

describe('the bounds of memory', () => {
  it('CACHE_MAX_ENTRIES: the least recently used leaves', async () => {
    const folder = await ModelFolder.with({ 'm/1/model.onnx': linearModel([1]), 'm/1/signature.yaml': SIGNATURE });
    const service = await Service.start({ MODELS_DIR: folder.path, CACHE_MAX_ENTRIES: '3' });
    const ask = async (a: number) => (await service.post('/predict/cached', { a })).headers.get('x-cache');
    for (const a of [1, 2, 3]) expect(await ask(a)).toBe('miss');
    expect(await ask(1)).toBe('hit');
    expect(await ask(4)).toBe('miss'); // 2 leaves
    for (const a of [1, 3, 4]) expect(await ask(a)).toBe('hit');
    expect(await ask(2)).toBe('miss');
    expect(await counted(service, 'nestor_cache_entries', {})).toBe(3);
    expect(await counted(service, 'nestor_cache_evictions_total', {})).toBe(2);
    await service.stop();
    await folder.remove();
  });

  it('CACHE_MEMORY: large answers take the place of many small ones, and none that of all', async () => {
    const folder = await ModelFolder.with({
      'm/1/model.onnx': identityModel({ name: 'v', shape: ['N', 'W'] }),
      'm/1/signature.yaml':
        'features: {type: object, required: [v], properties: {v: {type: array, items: {type: number}, examples: [[1]]}}}\ninputs: {v: v}\nbatching: on\n',
    });
    const LIMIT = 256 * 1024;
    const service = await Service.start({ MODELS_DIR: folder.path, CACHE_MEMORY: String(LIMIT) });
    const ask = async (length: number, value: number) =>
      (await service.post('/predict/cached', { v: Array.from({ length }, () => value) })).headers.get('x-cache');
    for (let value = 0; value < 100; value++) {
      await ask(500, value);
      const bytes = await counted(service, 'nestor_cache_bytes', {});
      expect(bytes).toBeLessThanOrEqual(LIMIT);
    }
    expect(await counted(service, 'nestor_cache_evictions_total', {})).toBeGreaterThan(50);
    expect(await ask(500, 99)).toBe('hit');
    // A sixteenth of the whole is the most for one.
    for (let i = 0; i < 2; i++) expect(await ask(5000, 1)).toBe('miss');
    expect(await ask(500, 99)).toBe('hit');
    await service.stop();
    await folder.remove();
  });
});
