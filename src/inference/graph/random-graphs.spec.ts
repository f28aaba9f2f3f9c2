import { describe, expect, it } from '@jest/globals';
import { type Graph, writeModel } from '../../../test/support/onnx-writer.js';
import { dim, GraphBuilder, ROWS, seeded, type Value } from '../../../test/exports/random-graph.js';
import { RANDOM_STEPS } from '../../../test/exports/random-steps.js';
import { type Batch, Trial } from '../../../test/exports/runs.js';
import { proveRowsIndependent } from './batch-proof.js';
import { readOnnx } from './onnx-file.js';

/** More of them on demand: GRAPHS=20000 npm run jest -- random-graphs */
const GRAPHS = Number(process.env.GRAPHS ?? 600);
const AT_ONCE = 100;
/** Kernels take other ways for more rows, and sums that cancel out make much of it. */
const ROUNDING = 1e-4;

describe('random graphs', () => {
  const counts = { proven: 0, run: 0, refused: 0, mixing: 0, invalid: 0 };

  it.each(Array.from({ length: GRAPHS / AT_ONCE }, (_, part) => part * AT_ONCE))(
    'from seed %i on: what is proven never says something else of rows in company',
    async (first) => {
      for (let seed = first; seed < first + AT_ONCE; seed++) await tryGraph(seed, counts);
    },
  );

  it('are proven, run, and refused often enough for that to mean something', () => {
    if (process.env.GRAPHS) process.stdout.write(JSON.stringify(counts));
    expect(counts.run).toBeGreaterThan(GRAPHS / 4);
    expect(counts.mixing).toBeGreaterThan(GRAPHS / 20);
  });
});

async function tryGraph(seed: number, counts: Record<string, number>): Promise<void> {
  const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1);
  const { graph, batch } = randomGraph(seed);
  const bytes = writeModel(graph);
  const proof = proveRowsIndependent(readOnnx(bytes));
  let trial: Trial;
  try {
    trial = await Trial.of(bytes);
  } catch {
    count('invalid');
    return;
  }
  try {
    const difference = await trial.difference(batch, ROUNDING);
    count(proof.independent ? 'proven' : 'refused');
    if (proof.independent && (await trial.runs(batch))) count('run');
    if (!proof.independent && difference) count('mixing');
    if (proof.independent && difference) throw new Error(`seed ${seed}: ${difference}: ${JSON.stringify(graph)}`);
  } finally {
    await trial.release();
  }
}

function randomGraph(seed: number): { graph: Graph; batch: Batch } {
  const random = seeded(seed);
  const builder = new GraphBuilder(random);
  const shape = builder.pick([[3], [2, 3], [3, 2], [4]]);
  builder.values.push({ name: 'x', dims: [ROWS, ...shape.map(dim)] });
  const count = 2 + builder.below(7);
  for (let step = 0; step < count; step++) builder.pick(RANDOM_STEPS)(builder);
  const graph = builder.finish({ x: { shape: ['N', ...shape] } }, builder.values.at(-1) as Value);
  const size = shape.reduce((product, own) => product * own, 1);
  const rows = Array.from({ length: 4 }, () => Array.from({ length: size }, () => Math.fround(random() * 4 - 2)));
  return { graph, batch: { x: { type: 'float32', shape, rows } } };
}
