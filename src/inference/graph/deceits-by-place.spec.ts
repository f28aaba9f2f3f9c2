import { describe } from '@jest/globals';
import { expectDeceits, floatRows, THREE_FLOATS } from '../../../test/exports/deceits.js';
import { floats, ints, node, scalar } from '../../../test/support/onnx-writer.js';

const COUNT_ROWS = [node('Shape', ['x'], 'shape'), node('Gather', ['shape', 'first'], 'count')];

describe('models that tell how many rows there are, or where they stand', () => {
  expectDeceits({
    'the number of rows as a feature': {
      node: 'number_node',
      because: 'the number of rows',
      constants: { first: ints(0) },
      nodes: [...COUNT_ROWS, node('Cast', ['count'], 'number', { to: 1 }), node('Div', ['x', 'number'], 'y')],
    },
    'the number of rows in a comparison': {
      node: 'many_node',
      because: 'the number of rows',
      constants: { first: ints(0), few: ints(2) },
      nodes: [
        ...COUNT_ROWS,
        node('Greater', ['count', 'few'], 'many'),
        node('Neg', ['x'], 'other'),
        node('Where', ['many', 'other', 'x'], 'y'),
      ],
      rows: THREE_FLOATS,
      agreeing: floatRows([1, 2, 3], [4, 5, 6]),
    },
    'the number of all values': {
      node: 'number_node',
      nodes: [
        node('Size', ['x'], 'size'),
        node('Cast', ['size'], 'number', { to: 1 }),
        node('Div', ['x', 'number'], 'y'),
      ],
    },
    'a number for each row, by where it stands': {
      node: 'places_node',
      because: 'the number of rows',
      constants: { first: scalar(0), zero: scalar(0), one: scalar(1), last: ints(1) },
      nodes: [
        ...COUNT_ROWS,
        node('Range', ['zero', 'count', 'one'], 'places'),
        node('Cast', ['places'], 'numbers', { to: 1 }),
        node('Unsqueeze', ['numbers', 'last'], 'column'),
        node('Add', ['x', 'column'], 'y'),
      ],
    },
    'the same by adding up ones': {
      node: 'places_node',
      because: 'adds up along axis 0, the batch',
      constants: { axis: scalar(0) },
      nodes: [
        node('Sub', ['x', 'x'], 'zeros'),
        node('Exp', ['zeros'], 'ones'),
        node('CumSum', ['ones', 'axis'], 'places'),
        node('Mul', ['x', 'places'], 'y'),
      ],
    },
    'positions from a table as long as the batch': {
      node: 'part_node',
      because: 'the number of rows',
      constants: {
        first: ints(0),
        table: floats(
          [8, 3],
          Array.from({ length: 24 }, (_, index) => index),
        ),
      },
      nodes: [
        ...COUNT_ROWS,
        node('Slice', ['table', 'first', 'count', 'first'], 'part'),
        node('Add', ['x', 'part'], 'y'),
      ],
    },
    'a diagonal': {
      node: 'eye_node',
      nodes: [node('EyeLike', ['x'], 'eye', { dtype: 1 }), node('Add', ['x', 'eye'], 'y')],
    },
    'where the maximum of each window stands, in the whole batch': {
      node: 'top_node',
      because: 'places of the whole batch',
      inputs: { x: { shape: ['N', 1, 3] } },
      outputs: { y: { type: 'int64' } },
      rows: {
        x: {
          type: 'float32',
          shape: [1, 3],
          rows: [
            [1, 2, 0],
            [5, 1, 0],
          ],
        },
      },
      nodes: [node('MaxPool', ['x'], ['top', 'where'], { kernel_shape: [3] }), node('Identity', ['where'], 'y')],
    },
  });
});

describe('models that let a row see the rows before it, or another one', () => {
  expectDeceits({
    'sums of all rows so far': {
      node: 'y_node',
      constants: { axis: scalar(-2) },
      nodes: [node('CumSum', ['x', 'axis'], 'y')],
    },
    'the first row taken off': {
      node: 'one_node',
      because: 'picks entries of axis 0, the batch',
      constants: { first: scalar(0) },
      nodes: [node('Gather', ['x', 'first'], 'one'), node('Sub', ['x', 'one'], 'y')],
    },
    'the best rows first': {
      node: 'values_node',
      because: 'sorts axis 0, the batch',
      constants: { one: ints(1) },
      nodes: [node('TopK', ['x', 'one'], ['values', 'places'], { axis: 0 }), node('Sub', ['x', 'values'], 'y')],
    },
    'the row with the greatest first feature': {
      node: 'best_node',
      because: 'searches axis 0, the batch',
      nodes: [
        node('ArgMax', ['x'], 'best', { axis: 0, keepdims: 0 }),
        node('Gather', ['x', 'best'], 'rows'),
        node('ReduceMean', ['rows'], 'mean', { axes: [0] }),
        node('Sub', ['x', 'mean'], 'y'),
      ],
    },
    'rows in reverse': {
      node: 'y_node',
      because: 'cuts axis 0, the batch',
      constants: { last: ints(-1), end: ints(-1000), axis: ints(0), back: ints(-1) },
      nodes: [node('Slice', ['x', 'last', 'end', 'axis', 'back'], 'y')],
    },
    'rows moved on by one': {
      node: 'all_node',
      because: 'do not line up',
      constants: { before: floats([1, 3], [0, 0, 0]), start: ints(0), end: ints(-1), axis: ints(0) },
      nodes: [
        node('Concat', ['before', 'x'], 'all', { axis: 0 }),
        node('Slice', ['all', 'start', 'end', 'axis'], 'moved'),
        node('Sub', ['x', 'moved'], 'y'),
      ],
    },
    'the same by padding': {
      node: 'all_node',
      because: 'adds entries along axis 0, the batch',
      constants: { pads: ints(1, 0, -1, 0) },
      nodes: [node('Pad', ['x', 'pads'], 'all'), node('Sub', ['x', 'all'], 'y')],
    },
    'each value replaced by that of the row it names': {
      node: 'y_node',
      inputs: { x: { shape: ['N', 1] }, i: { type: 'int64', shape: ['N', 1] } },
      rows: {
        x: { type: 'float32', shape: [1], rows: [[1], [5]] },
        i: { type: 'int64', shape: [1], rows: [[0], [0]] },
      },
      nodes: [node('GatherElements', ['x', 'i'], 'y', { axis: 0 })],
    },
    'a feature written into the first row': {
      node: 'y_node',
      constants: { place: { type: 'int64', shape: [1, 1], values: [0] }, news: floats([1, 3], [9, 9, 9]) },
      nodes: [node('ScatterND', ['x', 'place', 'news'], 'y')],
    },
    'a convolution along the batch': {
      node: 'mixed_node',
      constants: { w: floats([1, 1, 3], [1, 2, 3]), middle: ints(1) },
      nodes: [
        node('Transpose', ['x'], 'columns'),
        node('Unsqueeze', ['columns', 'middle'], 'images'),
        node('Conv', ['images', 'w'], 'mixed', { pads: [1, 1] }),
        node('Squeeze', ['mixed', 'middle'], 'flat'),
        node('Transpose', ['flat'], 'y'),
      ],
    },
    'an LSTM that takes the rows for steps': {
      node: 'all_node',
      because: 'as along a sequence',
      inputs: { x: { shape: ['N', 2, 1] } },
      rows: {
        x: {
          type: 'float32',
          shape: [2, 1],
          rows: [
            [1, 2],
            [3, -1],
            [0, 1],
          ],
        },
      },
      constants: {
        w: floats([1, 4, 1], [1, 2, 3, 4]),
        r: floats([1, 4, 1], [1, 1, 1, 1]),
        direction: ints(1),
      },
      nodes: [node('LSTM', ['x', 'w', 'r'], ['all'], { hidden_size: 1 }), node('Squeeze', ['all', 'direction'], 'y')],
    },
  });
});
