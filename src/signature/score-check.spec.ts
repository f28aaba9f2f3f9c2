import { describe, expect, it } from '@jest/globals';
import { type Tensor, type TensorInfo, type Tensors } from '../inference/tensor.js';
import { planScoreCheck } from './score-check.js';
import { type OutputSpec } from './signature-file.js';

const SCORES: TensorInfo = { name: 'scores', type: 'float32', shape: ['N', 'C'] };
const INTEGERS: TensorInfo = { name: 'label', type: 'int64', shape: ['N'] };
const TEXTS: TensorInfo = { name: 'label', type: 'string', shape: ['N', 1] };
const fail = (path: readonly (string | number)[], message: string) => new Error(`${path.join('.')}: ${message}`);

interface Case {
  labels?: (string | bigint)[];
  classes?: string[];
  spec?: Partial<OutputSpec>;
  outputs?: TensorInfo[];
}

/** Checks rows of scores, as the loader does. */
function check(scores: number[][], { labels = [], classes = ['no', 'yes'], spec = {}, outputs }: Case): void {
  const columns = scores[0]?.length ?? 0;
  const label = typeof labels[0] === 'bigint' ? INTEGERS : TEXTS;
  const given = outputs ?? (labels.length > 0 ? [label, SCORES] : [SCORES]);
  const full: OutputSpec = { task: columns > 2 ? 'multiclass' : 'binary', classes, ...spec };
  const { row } = planScoreCheck(given, SCORES, columns, classes, full, fail);
  const values: Tensor = { type: 'float32', dims: [scores.length, columns], data: Float32Array.from(scores.flat()) };
  const said: Tensor =
    typeof labels[0] === 'bigint'
      ? { type: 'int64', dims: [labels.length], data: BigInt64Array.from(labels as bigint[]) }
      : { type: 'string', dims: [labels.length, 1], data: labels as string[] };
  const tensors: Tensors = new Map([
    ['scores', values],
    ['label', said],
  ]);
  for (const index of scores.keys()) row(tensors, index);
}

const SURE = [
  [0.9, 0.1],
  [0.1, 0.9],
];

describe('score check', () => {
  it.each<[string, number[][], Case]>([
    ['labels by name', SURE, { labels: ['no', 'yes'] }],
    ['one column', [[0.1], [0.9]], { labels: ['no', 'yes'] }],
    ['numbers that are names', SURE, { labels: [10n, 20n], classes: ['10', '20'] }],
    ['numbers from 0 for other names', SURE, { labels: [0n, 1n] }],
    ['numbers from 1 for other names', SURE, { labels: [1n, 2n] }],
    ['numbers from -1', [[0.1, 0.9, 0]], { labels: [0n], classes: ['sell', 'hold', 'buy'] }],
    ['labels in other words', SURE, { labels: ['nein', 'ja'] }],
    ['a label that disagrees on a close row', [[0.45, 0.3, 0.25]], { labels: ['b'], classes: ['a', 'b', 'c'] }],
    ['a label by a threshold of its own', [[0.85, 0.15]], { labels: ['yes'], spec: { threshold: 0.1 } }],
    ['the same, positive the first column', [[0.15, 0.85]], { labels: ['no'], spec: { threshold: 0.1, positive: 0 } }],
    ['rounding', [[-0.000005, 1.000005]], {}],
    ['two outputs that may be the label', SURE, { labels: ['yes', 'no'], outputs: [INTEGERS, SCORES, TEXTS] }],
    ['a list of the classes', SURE, { labels: ['yes', 'no'], outputs: [{ ...TEXTS, shape: [2] }, SCORES] }],
  ])('accepts %s', (_, scores, given) => {
    expect(() => {
      check(scores, given);
    }).not.toThrow();
  });

  it.each<[string, number[][], Case, string]>([
    [
      'labels by name',
      SURE,
      { labels: ['yes', 'no'] },
      'classes: where the graph\'s own "label" says "yes", `classes` makes it "no"',
    ],
    ['one column', [[0.1]], { labels: ['yes'] }, 'classes: where'],
    [
      'a label of one element',
      SURE.slice(0, 1),
      { labels: [1n], classes: ['0', '1'], outputs: [{ ...INTEGERS, shape: [1] }] },
      'classes: where',
    ],
    ['numbers that are names', SURE, { labels: [20n], classes: ['10', '20'] }, 'makes it "10"'],
    ['a threshold that explains nothing', SURE, { labels: ['yes'], spec: { threshold: 0.3 } }, 'classes: where'],
    ['numbers in another order', SURE, { labels: [1n, 0n] }, '(1 is column 0, 0 is column 1)'],
    [
      'two numbers of one column',
      [
        [0.9, 0.1],
        [0.8, 0.2],
      ],
      { labels: [0n, 1n] },
      '(0 is column 0, 1 is column 0)',
    ],
    ['a value below 0', [[-0.1, 1.1]], {}, 'scores: "scores" gives values outside 0 to 1'],
    ['one value above 1', [[3]], {}, 'export it with a softmax or sigmoid, or set `task: raw`'],
    ['a sum that is not 1', [[0.4, 0.4, 0.1]], { classes: ['a', 'b', 'c'] }, 'do not sum to 1 (but to 0.9000)'],
  ])('refuses %s', (_, scores, given, message) => {
    expect(() => {
      check(scores, given);
    }).toThrow(message);
  });

  it('says where names were never given', () => {
    expect(() => {
      const spec: OutputSpec = { task: 'binary' };
      const { row } = planScoreCheck([INTEGERS, SCORES], SCORES, 2, ['0', '1'], spec, fail);
      row(
        new Map<string, Tensor>([
          ['scores', { type: 'float32', dims: [1, 2], data: Float32Array.of(0.9, 0.1) }],
          ['label', { type: 'int64', dims: [1], data: BigInt64Array.of(1n) }],
        ]),
        0,
      );
    }).toThrow('`classes`, which is not given, makes it "0"');
  });
});
