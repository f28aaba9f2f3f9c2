import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { onnxModel } from '../../test/support/onnx.js';
import { COUNTDOWN, LOOKUP, POISON } from '../../test/support/slow-models.js';
import { type Caller, patientCaller } from '../common/caller.js';
import { Batcher, type BatcherOptions } from './batcher.js';
import { batchKey, type RowRequest, type WholeRequest } from './run-request.js';
import { InlineLane, Turns } from './inline-lane.js';
import { type Lane } from './lane.js';
import { OnnxSession } from './onnx-session.js';
import { type Graph } from './session.js';
import { type Tensor } from './tensor.js';
import { ThreadLane } from './thread-lane.js';
import { InferenceThread } from './threads/inference-thread.js';

interface Observed {
  batcher: Batcher;
  /** Rows of each run. */
  runs: number[];
  refusals: string[];
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestor-batcher-'));
  await writeFile(join(folder, 'lookup.onnx'), LOOKUP);
  await writeFile(join(folder, 'countdown.onnx'), COUNTDOWN);
});
afterAll(() => rm(folder, { recursive: true }));

function observe(graph: Graph, lane: Lane, options: Partial<BatcherOptions> = {}): Observed {
  const runs: number[] = [];
  const refusals: string[] = [];
  const batcher = new Batcher(graph, lane, {
    shareable: new Set(['y']),
    maxRows: 64,
    queueLimit: 10_000,
    onRun: ({ rows }) => runs.push(rows),
    onRefusal: (reason) => refusals.push(reason),
    ...options,
  });
  return { batcher, runs, refusals };
}

/** Rows of equal width, as a request. */
function requestOf(rows: number[][]): RowRequest {
  const width = rows[0]?.length ?? 0;
  const rowDims = [[width]];
  const fetches = ['y'];
  const write = ([tensor]: readonly Tensor[], offset: number) => {
    const data = tensor?.data as BigInt64Array;
    for (const [index, value] of rows.flat().entries()) data[offset * width + index] = BigInt(value);
  };
  return { rows: rows.length, rowDims, fetches, key: batchKey(rowDims, fetches), write };
}

/** The same as inputs that must not be parted. */
function wholeOf(rows: number[][]): WholeRequest {
  const dims = [rows.length, rows[0]?.length ?? 0];
  const data = BigInt64Array.from(rows.flat(), BigInt);
  return { rows: rows.length, fetches: ['y'], inputs: [{ type: 'int64', dims, data }] };
}

async function askWhole({ batcher }: Observed, rows: number[][], caller = patientCaller()): Promise<number[]> {
  const { outputs, offset } = await batcher.submit(wholeOf(rows), caller);
  expect(offset).toBe(0);
  return [...((outputs.get('y') as Tensor).data as Float32Array)];
}

async function ask({ batcher }: Observed, rows: number[][], caller: Caller = patientCaller()): Promise<number[]> {
  const { outputs, offset } = await batcher.submit(requestOf(rows), caller);
  const width = rows[0]?.length ?? 0;
  const data = [...((outputs.get('y') as Tensor).data as Float32Array | BigInt64Array)].map(Number);
  return data.slice(offset * width, (offset + rows.length) * width);
}

const codes = (answers: PromiseSettledResult<unknown>[]) =>
  answers.map((answer) => (answer.status === 'fulfilled' ? 'answered' : codeOf(answer.reason)));
const codeOf = (error: unknown) => (error as { code?: string }).code ?? (error as Error).constructor.name;
const expected = (rows: number[][]) => rows.flat().map((value) => value * 10);
const within = (ms: number): Caller => ({ ...patientCaller(), deadline: performance.now() + ms });

describe.each(['inline', 'threads'] as const)('Batcher, %s', (placement) => {
  let session: OnnxSession;
  let lane: Lane;
  const threads: InferenceThread[] = [];
  beforeAll(async () => {
    const path = join(folder, 'lookup.onnx');
    session = await OnnxSession.open(path, 1);
    if (placement === 'inline') {
      lane = new InlineLane(session, new Turns());
      return;
    }
    const start = async () => {
      const thread = new InferenceThread();
      threads.push(thread);
      await thread.load(path, 1);
      return thread;
    };
    lane = new ThreadLane(await start(), { start, giveBack: () => undefined, onTrouble: () => undefined });
    await (lane as ThreadLane).grow(2);
  });
  afterAll(async () => {
    await lane.close();
    await Promise.all(threads.map((thread) => thread.end()));
  });

  const make = (options?: Partial<BatcherOptions>) => observe(session.graph, lane, options);

  it('runs what is ready in the same turn once, and gives each request its own rows', async () => {
    const it = make();
    const requests = Array.from({ length: 30 }, (_, i) => [[i, i + 1], ...(i % 3 === 0 ? [[i + 2, i]] : [])]);
    const answers = await Promise.all(requests.map((rows) => ask(it, rows)));
    expect(answers).toEqual(requests.map(expected));
    expect(it.runs).toEqual([40]);
  });

  it('gives each request a run of its own where rows must not meet', async () => {
    const it = make({ shareable: new Set() });
    await Promise.all([[[1]], [[2], [3]], [[4]]].map((rows) => ask(it, rows)));
    expect(it.runs.toSorted()).toEqual([1, 1, 2]);
  });

  it('never lets rows of different shape meet, nor more than maxRows, unless one request has more', async () => {
    const it = make({ maxRows: 4 });
    const requests = [[[1], [2]], [[3, 4]], [[5]], [[6], [7]], [[8, 9]], Array.from({ length: 9 }, (_, i) => [i])];
    const answers = await Promise.all(requests.map((rows) => ask(it, rows)));
    expect(answers).toEqual(requests.map(expected));
    expect(it.runs.toSorted()).toEqual([2, 2, 3, 9]);
  });

  it('a whole request has a run of its own, and the outputs as they are', async () => {
    const it = make();
    const rows = [[[1]], [[2], [3]], [[4]], [], [[5]]];
    const answers = await Promise.all(rows.map((one, i) => (i % 2 === 1 ? askWhole(it, one) : ask(it, one))));
    expect(answers).toEqual(rows.map(expected));
    expect(it.runs.toSorted()).toEqual([0, 2, 3]);
  });

  it('keeps to its queue, its deadline and its client with whole requests, too', async () => {
    const it = make({ queueLimit: 5 });
    const late = { ...patientCaller(), deadline: performance.now() - 1 };
    const gone = { ...patientCaller(), hasLeft: true };
    const asked = [askWhole(it, [[1]], late), askWhole(it, [[2]], gone), askWhole(it, [[POISON]]), askWhole(it, [[3]])];
    expect(codes(await Promise.allSettled(asked))).toEqual([
      'deadline_exceeded',
      'CallerLeft',
      'inference_failed',
      'answered',
    ]);
    expect([it.runs, it.refusals]).toEqual([[1], ['expired', 'abandoned']]);
  });

  it('takes rows that are tensors already as they are, where nothing else is in their run', async () => {
    const it = make();
    const written: number[] = [];
    const asTensors = (rows: number[][]): RowRequest => {
      const { write, ...request } = requestOf(rows);
      const observed: RowRequest['write'] = (tensors, offset) => {
        written.push(offset);
        write(tensors, offset);
      };
      return { ...request, write: observed, inputs: wholeOf(rows).inputs };
    };
    const { outputs } = await it.batcher.submit(asTensors([[1], [2]]), patientCaller());
    expect([...((outputs.get('y') as Tensor).data as Float32Array)]).toEqual([10, 20]);
    expect(written).toEqual(placement === 'inline' ? [] : [0]);
    const results = await Promise.all([[[3]], [[4], [5]]].map((rows) => it.batcher.submit(asTensors(rows), patientCaller()))); // prettier-ignore
    expect(results.map(({ offset }) => offset)).toEqual([0, 1]);
    expect([...((results[0]?.outputs.get('y') as Tensor).data as Float32Array)]).toEqual([30, 40, 50]);
  });

  it('a row that breaks the run fails its own request alone', async () => {
    const it = make();
    const requests = [[[1]], [[2], [POISON]], [[3]], [[POISON]], [[4]]];
    const answers = await Promise.allSettled(requests.map((rows) => ask(it, rows)));
    expect(codes(answers)).toEqual(['answered', 'inference_failed', 'answered', 'inference_failed', 'answered']);
    expect(it.runs).toEqual([1, 1, 1]);
    expect(await ask(it, [[5]])).toEqual([50]);
  });

  it('answers a request whose time is up with deadline_exceeded, and never runs it', async () => {
    const it = make();
    const late = { ...patientCaller(), deadline: performance.now() - 1 };
    expect(codes(await Promise.allSettled([ask(it, [[1]], late), ask(it, [[2]])]))).toEqual([
      'deadline_exceeded',
      'answered',
    ]);
    expect([it.runs, it.refusals]).toEqual([[1], ['expired']]);
  });

  it('does not run what nobody waits for any more', async () => {
    const it = make();
    const gone = { ...patientCaller(), hasLeft: true };
    expect(codes(await Promise.allSettled([ask(it, [[1]], gone), ask(it, [[2]])]))).toEqual(['CallerLeft', 'answered']);
    expect([it.runs, it.refusals]).toEqual([[1], ['abandoned']]);
  });

  it('drops the rest of what belongs together once a part of it has failed', async () => {
    const it = make({ maxRows: 1 });
    const all = it.batcher.submitAll([POISON, ...Array(20).keys()].map((i) => requestOf([[i]])), patientCaller()); // prettier-ignore
    await expect(all).rejects.toMatchObject({ code: 'inference_failed' });
    await it.batcher.drained();
    expect(it.runs.length + it.refusals.length).toBe(20);
    if (placement === 'threads') expect(it.refusals.length).toBeGreaterThan(1);
  });

  it('answers every request once, with its own rows, whatever the timing, shapes, deadlines and failures', async () => {
    const request = fc.record({
      width: fc.integer({ min: 1, max: 3 }),
      rows: fc.integer({ min: 1, max: 6 }),
      seed: fc.integer({ min: 0, max: 90 }),
      fate: fc.constantFrom('good', 'good', 'good', 'poisoned', 'late', 'left'),
      isWhole: fc.boolean(),
      turns: fc.integer({ min: 0, max: 4 }),
    });
    const plans = fc.array(request, { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(plans, fc.boolean(), fc.integer({ min: 1, max: 20 }), async (plan, coalesce, maxRows) => {
        const it = make({ maxRows, ...(!coalesce && { shareable: new Set() }) });
        const ask1 = async ({ width, rows, seed, fate, isWhole, turns }: (typeof plan)[number]) => {
          for (let i = 0; i < turns; i++) await new Promise(setImmediate);
          const values = Array.from({ length: rows }, (_, row) =>
            Array.from({ length: width }, (_unused, column) =>
              fate === 'poisoned' && row === 0 ? POISON : seed + ((row + column) % 10),
            ),
          );
          const deadline = fate === 'late' ? performance.now() - 1 : Infinity;
          const caller = { ...patientCaller(), deadline, hasLeft: fate === 'left' };
          const wanted = { good: expected(values), poisoned: 'inference_failed', late: 'deadline_exceeded', left: 'CallerLeft' }; // prettier-ignore
          const answer = isWhole ? askWhole(it, values, caller) : ask(it, values, caller);
          expect(await answer.catch(codeOf)).toEqual(wanted[fate]);
        };
        await Promise.all(plan.map(ask1));
        expect(it.batcher.queuedRows).toBe(0);
        await it.batcher.drained();
      }),
      { numRuns: 60 },
    );
  });
});

describe('Batcher, on the HTTP thread', () => {
  it('shares a turn fairly: a model with a long queue does not keep another waiting', async () => {
    const turns = new Turns();
    const session = await OnnxSession.open(join(folder, 'lookup.onnx'), 1);
    const order: string[] = [];
    const named = (name: string) =>
      observe(session.graph, new InlineLane(session, turns), { maxRows: 1, onRun: () => order.push(name) });
    const [busy, quiet] = [named('busy'), named('quiet')];
    const many = Array.from({ length: 500 }, () => ask(busy, [[1]]));
    await ask(quiet, [[2]]);
    expect(order.indexOf('quiet')).toBeLessThan(3);
    await Promise.all(many);
    await session.release();
  });

  it('takes a value without an axis from a graph of one row alone, whatever the rows of its runs', async () => {
    const open = async (rows: number | string) => {
      const path = join(folder, `sum-${rows}.onnx`);
      const tensor = { type: 'int64' as const };
      await writeFile(
        path,
        onnxModel({
          inputs: [{ name: 'i', ...tensor, shape: [rows, 2] }],
          outputs: [{ name: 'y', ...tensor, shape: [] }],
          nodes: [{ op: 'ReduceSum', inputs: ['i'], outputs: ['y'], attributes: { keepdims: 0 } }],
        }),
      );
      return OnnxSession.open(path, 1);
    };
    const [one, many] = [await open(1), await open('N')];
    const [ofOne, ofMany] = [one, many].map((session) =>
      observe(session.graph, new InlineLane(session, new Turns()), { maxRows: 1 }),
    ) as [Observed, Observed];
    const { outputs } = await ofOne.batcher.submit(requestOf([[3, 4]]), patientCaller());
    expect(outputs.get('y')).toMatchObject({ dims: [], data: BigInt64Array.of(7n) });
    await expect(ask(ofMany, [[3, 4]])).rejects.toThrow('has no value for each row (its shape is [] for 1 rows)');
    for (const session of [one, many]) await session.release();
  });

  it('refuses what would wait behind rows that a turn has left behind', async () => {
    const session = await OnnxSession.open(join(folder, 'lookup.onnx'), 1);
    const it = observe(session.graph, new InlineLane(session, new Turns()), { maxRows: 1, queueLimit: 600 });
    const first = Array.from({ length: 2000 }, () => ask(it, [[1]])); // nothing waited: all of a turn are taken
    await new Promise(setImmediate);
    await expect(ask(it, [[1]])).rejects.toMatchObject({ code: 'overloaded' });
    await Promise.all(first);
    await session.release();
    expect(await Promise.allSettled(first)).toHaveLength(2000);
  });
});

/** A model whose run takes as long as its largest value says: a real loop inside the graph. */
describe('Batcher, with a slow model', () => {
  let thread: InferenceThread;
  let lane: ThreadLane;
  let graph: Graph;
  let troubles: string[];
  let started: InferenceThread[];
  let givenBack: InferenceThread[];
  /** What the load of a thread waits for. */
  let held: Promise<void> | undefined;
  /** Threads that break down once they have loaded. */
  let faults: number;
  /** Loop turns that take about 50 ms. */
  let slow: number;

  beforeEach(async () => {
    troubles = [];
    started = [];
    givenBack = [];
    held = undefined;
    const start = async () => {
      const made = new InferenceThread();
      started.push(made);
      await held;
      ({ graph } = await made.load(join(folder, 'countdown.onnx'), 1));
      if (faults-- > 0) crash(made);
      return made;
    };
    faults = 0;
    thread = await start();
    const probe = await thread.run(new Map([['n', { type: 'int64', dims: [1, 1], data: BigInt64Array.of(20_000n) }]]), [
      'y',
    ]);
    slow = Math.ceil((20_000 * 50) / probe.runMs);
    const giveBack = (idle: InferenceThread) => {
      givenBack.push(idle);
    };
    lane = new ThreadLane(thread, { start, giveBack, onTrouble: (event) => troubles.push(event) });
  });
  afterEach(async () => {
    await lane.close();
    await Promise.all(started.map((made) => made.end()));
  });
  const make = (options?: Partial<BatcherOptions>) => observe(graph, lane, { maxRows: 8, ...options });

  it('takes what waits when a thread is free, up to maxRows', async () => {
    const it = make({ maxRows: 4 });
    const first = ask(it, [[slow]]);
    await sleep(10);
    const rest = Array.from({ length: 10 }, () => ask(it, [[1]]));
    await Promise.all([first, ...rest]);
    expect(it.runs).toEqual([1, 4, 4, 2]);
  });

  it('gathers for an idle thread what comes turn after turn', async () => {
    let runs: number[] = [];
    for (let attempt = 0; attempt < 20 && runs.length !== 1; attempt++) {
      const it = make(); // a machine that is busy may take longer for five turns than anybody is gathered for
      const rush = [];
      for (let i = 0; i < 5; i++) {
        rush.push(ask(it, [[i]]));
        await nextTurn();
      }
      await Promise.all(rush);
      ({ runs } = it);
    }
    expect(runs).toEqual([5]);
  });

  it.each([
    ['goes on where more would share the run', {}, 1, false],
    ['is over where there is enough for a run', { maxRows: 2 }, 2, true],
    ['is over where what came first shares no run', { shareable: new Set<string>() }, 1, true],
  ])('gathering %s', async (_, options, requests, isOver) => {
    const it = make(options);
    const answers = Array.from({ length: requests }, () => ask(it, [[1]]));
    await nextTurn();
    expect(thread.runningSince !== undefined).toBe(isOver);
    await Promise.all(answers);
  });

  it('keeps nobody waiting for an end of what comes turn after turn', async () => {
    const it = make();
    const answers: unknown[] = [];
    const stream: Promise<unknown>[] = [];
    while (answers.length === 0) {
      stream.push(ask(it, [[1]]).then((answer) => answers.push(answer)));
      await nextTurn();
    }
    await Promise.all(stream);
  });

  it('refuses at once what its queue has no place for; who leaves or is late gives the place up', async () => {
    const it = make({ queueLimit: 2, maxRows: 1 });
    const first = ask(it, [[slow]]);
    await sleep(10);
    const leaving = { ...patientCaller(), hasLeft: false };
    const waiting = [ask(it, [[1]], leaving), ask(it, [[2]], within(15))];
    await expect(ask(it, [[3]])).rejects.toMatchObject({ code: 'overloaded', retryAfter: 1 });
    leaving.hasLeft = true;
    const late = ask(it, [[4]]);
    await expect(ask(it, [[5]])).rejects.toMatchObject({ code: 'overloaded' });
    await sleep(20);
    const later = ask(it, [[6]]);
    expect(codes(await Promise.allSettled([first, ...waiting, late, later]))).toEqual([
      'answered',
      'CallerLeft',
      'deadline_exceeded',
      'answered',
      'answered',
    ]);
    expect(it.refusals.toSorted()).toEqual(['abandoned', 'expired', 'overloaded', 'overloaded']);
    expect(it.runs).toEqual([1, 1, 1]);
  });

  it('answers at the deadline though the run goes on', async () => {
    const it = make();
    const asked = performance.now();
    await expect(ask(it, [[4 * slow]], within(30))).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(thread.runningSince).toBeDefined();
    expect(performance.now() - asked).toBeGreaterThan(29);
    await it.batcher.drained();
    expect(it.runs).toEqual([1]);
  });

  it('a storm of deadlines leaves each request answered once, and none run late', async () => {
    const it = make({ maxRows: 2 });
    const first = ask(it, [[2 * slow]]);
    await sleep(5);
    const storm = Array.from({ length: 200 }, (_, i) => ask(it, [[i]], within(1 + (i % 40))));
    const answers = codes(await Promise.allSettled([first, ...storm]));
    expect(answers.filter((code) => code === 'deadline_exceeded')).toHaveLength(200);
    expect(it.runs).toEqual([1]);
  });

  it('idle threads of a model share its queue', async () => {
    await lane.grow(3);
    const it = make({ maxRows: 1 });
    const began = performance.now();
    const [, ...short] = [ask(it, [[6 * slow]]), ...Array.from({ length: 6 }, () => ask(it, [[1]]))];
    await Promise.all(short);
    expect(started.filter(({ runningSince }) => runningSince !== undefined)).toHaveLength(1); // the long one still runs
    expect(performance.now() - began).toBeGreaterThan(0);
    await it.batcher.drained();
  });

  it('a thread that dies is replaced, and its requests are answered', async () => {
    const it = make({ maxRows: 4 });
    crash(thread);
    const requests = [[[slow]], [[1]], [[2]], [[3]], [[4]]];
    const answers = await Promise.all(requests.map((rows) => ask(it, rows)));
    expect(answers).toEqual(requests.map(expected));
    expect(it.runs.toSorted()).toEqual([1, 1, 1, 1, 1]); // those that died together run alone: one of them may be the cause
    expect(troubles).toEqual(['inference_thread_died']);
    expect(lane.width).toBe(1);
  });

  it('a thread that is given back is not touched again, though the replacement of another one comes late', async () => {
    await lane.grow(2);
    let load: () => void = () => undefined;
    held = new Promise((resolve) => (load = resolve));
    crash(started[1] as InferenceThread);
    while (started.length < 3) await sleep(5); // its replacement is being loaded
    await lane.close();
    expect(givenBack).toEqual([thread]);
    await thread.load(join(folder, 'lookup.onnx'), 1); // it is another model's now
    load();
    while (givenBack.length < 2) await sleep(5);
    expect(givenBack).toEqual([thread, started[2]]);
    const keys = { type: 'int64', dims: [1, 1], data: BigInt64Array.of(1n) } as const;
    await expect(thread.run(new Map([['i', keys]]), ['y'])).resolves.toBeDefined();
  });

  it('a request that was there at two deaths is given up, and the next one is answered', async () => {
    const it = make();
    crash(thread);
    faults = 1;
    await expect(ask(it, [[1]])).rejects.toMatchObject({ code: 'inference_failed' });
    expect(await ask(it, [[3]])).toEqual([30]);
    expect(troubles).toEqual(['inference_thread_died', 'inference_thread_died']);
  });
});

/** Has a thread break down, by a message that none expects, before it comes to what it is sent next. */
function crash(thread: InferenceThread): void {
  (thread as unknown as { worker: { postMessage(message: unknown): void } }).worker.postMessage(null);
}
