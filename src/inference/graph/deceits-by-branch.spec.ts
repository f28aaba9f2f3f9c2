import { describe } from '@jest/globals';
import { expectDeceits, floatRows } from '../../../test/exports/deceits.js';
import { floats, type Graph, ints, node, scalar } from '../../../test/support/onnx-writer.js';

const DOUBLED: Graph = { nodes: [node('Add', ['x', 'x'], 'doubled')], outputs: { doubled: {} } };
const SAME: Graph = { nodes: [node('Identity', ['x'], 'same')], outputs: { same: {} } };
const LIMIT = scalar(100, 'float32');

describe('models that branch', () => {
  expectDeceits({
    'on a maximum that only some values reach': {
      node: 'max_node',
      because: 'reduces all axes',
      constants: { limit: LIMIT },
      rows: floatRows([1, 2, 3], [4, 500, 6]),
      agreeing: floatRows([1, 2, 3], [4, 50, 6], [7, 8, 9]),
      nodes: [
        node('ReduceMax', ['x'], 'max', { keepdims: 0 }),
        node('Greater', ['max', 'limit'], 'high'),
        node('If', ['high'], 'y', { then_branch: { graph: DOUBLED }, else_branch: { graph: SAME } }),
      ],
    },
    'on whether any value is missing': {
      node: 'any_node',
      rows: floatRows([1, 2, 3], [4, NaN, 6]),
      agreeing: floatRows([1, 2, 3], [4, 5, 6]),
      nodes: [
        node('IsNaN', ['x'], 'missing'),
        node('Cast', ['missing'], 'ones', { to: 1 }),
        node('ReduceMax', ['ones'], 'any', { keepdims: 0 }),
        node('Cast', ['any'], 'some', { to: 9 }),
        node('If', ['some'], 'y', { then_branch: { graph: DOUBLED }, else_branch: { graph: SAME } }),
      ],
    },
    'on how many rows there are': {
      node: 'many_node',
      because: 'the number of rows',
      constants: { first: scalar(0), few: scalar(3) },
      rows: floatRows([1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 1, 0]),
      agreeing: floatRows([1, 2, 3], [4, 5, 6], [7, 8, 9]),
      nodes: [
        node('Shape', ['x'], 'shape'),
        node('Gather', ['shape', 'first'], 'count'),
        node('Greater', ['count', 'few'], 'many'),
        node('If', ['many'], 'y', { then_branch: { graph: DOUBLED }, else_branch: { graph: SAME } }),
      ],
    },
    'on a condition that is fixed, to a mean of all rows around them': {
      node: 'mean_node',
      because: 'reduces axis 0, the batch',
      constants: { fixed: { type: 'float32', shape: [], values: [0.5] }, limit: scalar(0, 'float32') },
      nodes: [
        node('ReduceMean', ['x'], 'mean', { axes: [0] }),
        node('Exp', ['fixed'], 'more'),
        node('Greater', ['more', 'limit'], 'high'),
        node('If', ['high'], 'y', {
          then_branch: { graph: { nodes: [node('Sub', ['x', 'mean'], 'less')], outputs: { less: {} } } },
          else_branch: { graph: SAME },
        }),
      ],
    },
    'to a softmax two branches down': {
      node: 'soft_node',
      because: 'normalises over axis 0, the batch',
      constants: { yes: { type: 'bool', shape: [], values: [1] } },
      nodes: [
        node('If', ['yes'], 'y', {
          then_branch: {
            graph: {
              outputs: { inner: {} },
              nodes: [
                node('If', ['yes'], 'inner', {
                  then_branch: {
                    graph: { outputs: { soft: {} }, nodes: [node('Softmax', ['x'], 'soft', { axis: 0 })] },
                  },
                  else_branch: { graph: { outputs: { plain: {} }, nodes: [node('Relu', ['x'], 'plain')] } },
                }),
              ],
            },
          },
          else_branch: { graph: SAME },
        }),
      ],
    },
    'without branching: a switch multiplied in': {
      node: 'max_node',
      constants: { limit: LIMIT },
      rows: floatRows([1, 2, 3], [4, 500, 6]),
      agreeing: floatRows([1, 2, 3], [4, 50, 6]),
      nodes: [
        node('ReduceMax', ['x'], 'max', { axes: [0, 1] }),
        node('Greater', ['max', 'limit'], 'high'),
        node('Neg', ['x'], 'other'),
        node('Where', ['high', 'other', 'x'], 'y'),
      ],
    },
    'by keeping the rows that are high, and all if none is': {
      node: 'kept_node',
      constants: { limit: LIMIT, last: ints(1) },
      rows: floatRows([1, 2, 3], [400, 500, 600]),
      nodes: [
        node('ReduceMax', ['x'], 'max', { axes: [1], keepdims: 0 }),
        node('Greater', ['max', 'limit'], 'high'),
        node('Compress', ['x', 'high'], 'kept', { axis: 0 }),
        node('ReduceSum', ['kept', 'last'], 'sum', { keepdims: 1 }),
        node('ReduceSum', ['sum'], 'total', { keepdims: 0 }),
        node('Add', ['x', 'total'], 'y'),
      ],
    },
    'on how many values are not zero': {
      node: 'places_node',
      rows: floatRows([1, 2, 3], [0, 0, 6]),
      constants: { last: ints(1) },
      nodes: [
        node('NonZero', ['x'], 'places'),
        node('Shape', ['places'], 'shape'),
        node('Gather', ['shape', 'last'], 'count'),
        node('Cast', ['count'], 'number', { to: 1 }),
        node('Div', ['x', 'number'], 'y'),
      ],
    },
    'on how many different values there are': {
      node: 'unique_node',
      rows: floatRows([1, 2, 3], [1, 2, 3], [3, 2, 9]),
      nodes: [
        node('Unique', ['x'], ['unique', 'first', 'inverse', 'counts'], { sorted: 1 }),
        node('Shape', ['unique'], 'shape'),
        node('Cast', ['shape'], 'number', { to: 1 }),
        node('Div', ['x', 'number'], 'y'),
      ],
    },
  });
});

const FLAG = { type: 'bool', shape: [] } as const;
const COUNT = { type: 'int64', shape: [] } as const;

describe('models that go round', () => {
  expectDeceits({
    'a scan along the rows that carries a sum': {
      node: 'last_node',
      because: 'goes along axis 0, the batch',
      constants: { zero: floats([3], [0, 0, 0]) },
      nodes: [
        node('Scan', ['zero', 'x'], ['last', 'y'], {
          num_scan_inputs: 1,
          body: {
            graph: {
              inputs: { sum: { shape: [3] }, row: { shape: [3] } },
              outputs: { next: { shape: [3] }, now: { shape: [3] } },
              nodes: [node('Add', ['sum', 'row'], 'next'), node('Identity', ['next'], 'now')],
            },
          },
        }),
      ],
    },
    'as many rounds as there are rows': {
      node: 'y_node',
      because: 'the number of rows',
      constants: { first: scalar(0), yes: { type: 'bool', shape: [], values: [1] } },
      nodes: [
        node('Shape', ['x'], 'shape'),
        node('Gather', ['shape', 'first'], 'count'),
        node('Loop', ['count', 'yes', 'x'], 'y', {
          body: {
            graph: {
              inputs: { round: COUNT, go: FLAG, now: { shape: ['N', 3] } },
              outputs: { on: FLAG, next: { shape: ['N', 3] } },
              nodes: [node('Identity', ['go'], 'on'), node('Add', ['now', 'x'], 'next')],
            },
          },
        }),
      ],
    },
    'rounds until the sum of all rows is high': {
      node: 'sum_node',
      because: 'reduces all axes',
      constants: { most: scalar(20), yes: { type: 'bool', shape: [], values: [1] }, limit: LIMIT },
      rows: floatRows([1, 2, 3], [4, 50, 6]),
      nodes: [
        node('Loop', ['most', 'yes', 'x'], 'y', {
          body: {
            graph: {
              inputs: { round: COUNT, go: FLAG, now: { shape: ['N', 3] } },
              outputs: { on: FLAG, next: { shape: ['N', 3] } },
              nodes: [
                node('Add', ['now', 'now'], 'next'),
                node('ReduceSum', ['next'], 'sum', { keepdims: 0 }),
                node('Less', ['sum', 'limit'], 'on'),
              ],
            },
          },
        }),
      ],
    },
    'a sum over the batch in the second round only': {
      node: 'sum_node',
      because: 'reduces axis 0, the batch',
      constants: { most: scalar(2), yes: { type: 'bool', shape: [], values: [1] } },
      nodes: [
        node('Sub', ['x', 'x'], 'zeros'),
        // What the second state was becomes the first: harmless in round one.
        node('Loop', ['most', 'yes', 'zeros', 'x'], ['y', 'rest'], {
          body: {
            graph: {
              inputs: { round: COUNT, go: FLAG, first: { shape: ['N', 3] }, second: { shape: ['N', 3] } },
              outputs: { on: FLAG, third: { shape: ['N', 3] }, fourth: { shape: ['N', 3] } },
              nodes: [
                node('Identity', ['go'], 'on'),
                node('ReduceMean', ['first'], 'sum', { axes: [0] }),
                node('Add', ['second', 'sum'], 'third'),
                node('Add', ['third', 'first'], 'fourth'),
              ],
            },
          },
        }),
      ],
    },
    'the number of rows, once for each round': {
      node: 'y_node',
      because: 'stacks what cannot be followed',
      inputs: { x: { shape: ['N', 2] } },
      rows: floatRows([1, 2], [3, 4]),
      outputs: { y: { type: 'int64' } },
      constants: { most: scalar(2), yes: { type: 'bool', shape: [], values: [1] } },
      nodes: [
        node('Loop', ['most', 'yes'], 'y', {
          body: {
            graph: {
              inputs: { round: COUNT, go: FLAG },
              outputs: { on: FLAG, shape: { type: 'int64', shape: [2] } },
              nodes: [node('Identity', ['go'], 'on'), node('Shape', ['x'], 'shape')],
            },
          },
        }),
      ],
    },
    'a round whose number has an axis of its own, so that what it picks has one more': {
      node: 'soft_node',
      because: 'normalises over axis 1, the batch',
      inputs: { x: { shape: ['N', 2, 3] } },
      rows: { x: { type: 'float32', shape: [2, 3], rows: [[1, 2, 3, 4, 5, 6], [0, 3, 1, 2, 2, 9]] } }, // prettier-ignore
      constants: { most: scalar(2), yes: { type: 'bool', shape: [], values: [1] } },
      nodes: [
        node('Transpose', ['x'], 'steps', { perm: [1, 0, 2] }),
        node('Loop', ['most', 'yes'], 'all', {
          body: {
            graph: {
              inputs: { round: { type: 'int64', shape: [1] }, go: FLAG },
              outputs: { on: FLAG, soft: { shape: [1, 'N', 3] } },
              nodes: [
                node('Identity', ['go'], 'on'),
                node('Gather', ['steps', 'round'], 'one'),
                node('Softmax', ['one'], 'soft', { axis: 1 }),
              ],
            },
          },
        }),
        node('ReduceMax', ['all'], 'y', { axes: [0, 1], keepdims: 0 }),
      ],
    },
    'a state that becomes the batch on the way': {
      node: 'y_node',
      because: 'carries rows in one round and something else in another',
      constants: { most: scalar(3), yes: { type: 'bool', shape: [], values: [1] }, none: floats([1, 3], [0, 0, 0]) },
      rows: null,
      nodes: [
        node('Loop', ['most', 'yes', 'none'], 'y', {
          body: {
            graph: {
              inputs: { round: COUNT, go: FLAG, now: { shape: ['M', 3] } },
              outputs: { on: FLAG, next: { shape: ['M', 3] } },
              nodes: [
                node('Identity', ['go'], 'on'),
                node('ReduceMean', ['now'], 'mean', { axes: [0] }),
                node('Add', ['mean', 'x'], 'next'),
              ],
            },
          },
        }),
      ],
    },
    'random numbers': {
      node: 'noise_node',
      because: 'draws random numbers',
      rows: null,
      nodes: [node('RandomNormalLike', ['x'], 'noise'), node('Add', ['x', 'noise'], 'y')],
    },
    'random numbers of a shape that is fixed': {
      node: 'noise_node',
      rows: null,
      nodes: [node('RandomUniform', [], 'noise', { shape: [1, 3] }), node('Add', ['x', 'noise'], 'y')],
    },
    'random drops, in training mode': {
      node: 'y_node',
      because: 'draws random numbers',
      constants: {
        ratio: { type: 'float32', shape: [], values: [0.5] },
        yes: { type: 'bool', shape: [], values: [1] },
      },
      rows: null,
      nodes: [node('Dropout', ['x', 'ratio', 'yes'], 'y')],
    },
    'a softmax behind a name of its own': {
      node: 'y_node',
      because: 'is defined in the file itself',
      functions: [
        {
          name: 'Harmless',
          domain: 'own',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [node('Softmax', ['a'], 'b', { axis: 0 })],
        },
      ],
      nodes: [node('Harmless', ['x'], 'y', {}, 'own')],
    },
    'a softmax behind the name of a standard operator': {
      node: 'y_node',
      because: 'is defined in the file itself',
      // This version of ONNX Runtime takes its own Relu.
      rows: null,
      functions: [
        { name: 'Relu', domain: '', inputs: ['a'], outputs: ['b'], nodes: [node('Softmax', ['a'], 'b', { axis: 0 })] },
      ],
      nodes: [node('Relu', ['x'], 'y')],
    },
  });
});
