import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, type Graph, node, scalar, writeModel } from '../../test/support/onnx-writer.ts';
import { modelAlone } from '../harness/model-alone.ts';
import { MODELS, WORK } from '../harness/places.ts';
import { progress } from '../harness/progress.ts';

/** Models of different temper side by side, as a folder that nestor serves: credit-risk, `slow` and `mixing`. */
export const MIXED_MODELS = join(WORK, 'mixed-models');
export const SLOW_FILE = join(MIXED_MODELS, 'slow', '1.0.0', 'model.onnx');
/** What a row of `slow` and of `mixing` holds: that many numbers, named x. */
export const MIXED_FEATURES = 16;

const WANTED_MS = 100;
const UNITS = 1024;
const TRIAL_ROUNDS = 100;

const SIGNATURE = `\
features:
  type: object
  required: [x]
  properties:
    x: { type: array, minItems: ${MIXED_FEATURES}, maxItems: ${MIXED_FEATURES}, items: { type: number } }
inputs:
  x: x
output:
  task: regression
  scores: score
`;

/** Writes the folder anew: how many rounds make 100 ms differs from day to day. */
export async function makeMixedModels(): Promise<void> {
  rmSync(MIXED_MODELS, { recursive: true, force: true });
  cpSync(join(MODELS, 'credit-risk'), join(MIXED_MODELS, 'credit-risk'), { recursive: true });
  writeVersion('mixing', mixing());
  writeVersion('slow', slow(TRIAL_ROUNDS));
  const trial = await modelAlone(SLOW_FILE, 1, 1);
  // CPU time, which others on the machine do not lengthen.
  const rounds = Math.max(1, Math.round((TRIAL_ROUNDS * WANTED_MS * 1000) / trial.cpuUsPerRow));
  writeVersion('slow', slow(rounds));
  const { cpuUsPerRow } = await modelAlone(SLOW_FILE, 1, 1);
  progress(`The slow model makes ${rounds} rounds, ${(cpuUsPerRow / 1000).toFixed(0)} ms of CPU time for one row`);
}

function writeVersion(model: string, graph: Graph): void {
  const folder = join(MIXED_MODELS, model, '1.0.0');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), writeModel(graph));
  writeFileSync(join(folder, 'signature.yaml'), SIGNATURE);
}

/**
 * A recurrent network that is driven by its row: `score = x·own + state·gather`, and the state comes out of rounds of
 * `tanh(state·weights + x·spread)`. The weights shrink what differs, so that rounding errors die out.
 */
function slow(rounds: number): Graph {
  const random = sequence(7);
  return {
    inputs: { x: { shape: ['N', MIXED_FEATURES] } },
    outputs: { score: { shape: ['N', 1] } },
    constants: {
      spread: floats([MIXED_FEATURES, UNITS], random(MIXED_FEATURES * UNITS, 0.5)),
      weights: floats([UNITS, UNITS], random(UNITS * UNITS, 1 / Math.sqrt(UNITS))),
      own: floats([MIXED_FEATURES, 1], random(MIXED_FEATURES, 1)),
      gather: floats([UNITS, 1], random(UNITS, 1 / UNITS)),
      rounds: scalar(rounds),
      go: scalar(1, 'bool'),
    },
    nodes: [
      node('MatMul', ['x', 'spread'], 'drive'),
      node('Loop', ['rounds', 'go', 'drive'], 'state', {
        body: {
          graph: {
            inputs: {
              round: { type: 'int64', shape: [] },
              before: { type: 'bool', shape: [] },
              units: { shape: ['N', UNITS] },
            },
            outputs: { after: { type: 'bool', shape: [] }, next: { shape: ['N', UNITS] } },
            nodes: [
              node('Identity', ['before'], 'after'),
              node('MatMul', ['units', 'weights'], 'sums'),
              node('Add', ['sums', 'drive'], 'driven'),
              node('Tanh', ['driven'], 'next'),
            ],
          },
        },
      }),
      node('MatMul', ['x', 'own'], 'direct'),
      node('MatMul', ['state', 'gather'], 'gathered'),
      node('Add', ['direct', 'gathered'], 'score'),
    ],
  };
}

/** `score = x·own + the sum of that over the run's rows`: whoever shares its run gets another answer than alone. */
function mixing(): Graph {
  return {
    inputs: { x: { shape: ['N', MIXED_FEATURES] } },
    outputs: { score: { shape: ['N', 1] } },
    constants: {
      own: floats([MIXED_FEATURES, 1], sequence(11)(MIXED_FEATURES, 1)),
      rows: { type: 'int64', shape: [1], values: [0] },
    },
    nodes: [
      node('MatMul', ['x', 'own'], 'direct'),
      node('ReduceSum', ['direct', 'rows'], 'all', { keepdims: 1 }),
      node('Add', ['direct', 'all'], 'score'),
    ],
  };
}

/** Numbers around 0, the same ones every time (a linear congruential generator, with the constants of Numerical Recipes). */
function sequence(seed: number): (count: number, scale: number) => number[] {
  let state = seed;
  return (count, scale) =>
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state / 2 ** 31 - 1) * scale;
    });
}
