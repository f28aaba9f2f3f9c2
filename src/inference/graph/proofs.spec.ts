import { describe, expect, it } from '@jest/globals';
import { THREE_FLOATS } from '../../../test/exports/deceits.js';
import { floats, type Graph, ints, type Node, node, scalar, writeModel } from '../../../test/support/onnx-writer.js';
import { Trial } from '../../../test/exports/runs.js';
import { proveRowsIndependent } from './batch-proof.js';
import { readOnnx } from './onnx-file.js';

interface Independent {
  nodes: readonly Node[];
  constants?: Graph['constants'];
  opset?: number;
}

/** Asserts, for each, that it is proven, and that a real run agrees. All take floats [N, 3]. */
function expectProofs(models: Readonly<Record<string, Independent>>): void {
  it.each(Object.entries(models))('%s', async (_, { nodes, constants = {}, opset = 17 }) => {
    const bytes = writeModel({ inputs: { x: { shape: ['N', 3] } }, outputs: { y: {} }, nodes, constants }, { opset });
    expect(proveRowsIndependent(readOnnx(bytes))).toEqual({ independent: true });
    const trial = await Trial.of(bytes);
    try {
      expect(await trial.runs(THREE_FLOATS)).toBe(true);
      expect(await trial.difference(THREE_FLOATS)).toBeUndefined();
    } finally {
      await trial.release();
    }
  });
}

const COUNT = [node('Shape', ['x'], 'shape'), node('Gather', ['shape', 'first'], 'count')];
const YES = { type: 'bool', shape: [], values: [1] } as const;

describe('the number of rows, used for shapes alone', () => {
  expectProofs({
    'a shape of the count, and what remains': {
      constants: { first: ints(0), rest: ints(-1) },
      nodes: [
        ...COUNT,
        node('Concat', ['count', 'rest'], 'wanted', { axis: 0 }),
        node('Reshape', ['x', 'wanted'], 'y'),
      ],
    },
    'the count as what remains': {
      constants: { shape: ints(-1, 3, 1), last: ints(2) },
      nodes: [node('Reshape', ['x', 'shape'], 'deep'), node('Squeeze', ['deep', 'last'], 'y')],
    },
    'entries of rows along the batch axis for a while, and back': {
      constants: { flat: ints(-1, 1), back: ints(-1, 3), w: floats([1, 2], [1, -1]), one: ints(1) },
      nodes: [
        node('Reshape', ['x', 'flat'], 'entries'),
        node('MatMul', ['entries', 'w'], 'wide'),
        node('ReduceMax', ['wide'], 'top', { axes: [1] }),
        node('Reshape', ['top', 'back'], 'y'),
      ],
    },
    'rows one after the other, feature by feature, and back': {
      constants: { first: ints(0), three: ints(3), flat: ints(-1), w: floats([1], [2]) },
      nodes: [
        ...COUNT,
        node('Transpose', ['x'], 'features'),
        node('Reshape', ['features', 'flat'], 'line'),
        node('Mul', ['line', 'w'], 'twice'),
        node('Concat', ['three', 'count'], 'wanted', { axis: 0 }),
        node('Reshape', ['twice', 'wanted'], 'again'),
        node('Transpose', ['again'], 'y'),
      ],
    },
    'all rows twice, and the mean of both': {
      constants: { pair: ints(2, -1, 3) },
      nodes: [
        node('Neg', ['x'], 'other'),
        node('Concat', ['x', 'other'], 'both', { axis: 0 }),
        node('Reshape', ['both', 'pair'], 'pairs'),
        node('ReduceMax', ['pairs'], 'y', { axes: [0], keepdims: 0 }),
      ],
    },
    'a token of the model expanded to all rows': {
      constants: { first: ints(0), one: ints(1), token: floats([1, 1], [0.5]) },
      nodes: [
        ...COUNT,
        node('Concat', ['count', 'one'], 'wanted', { axis: 0 }),
        node('Expand', ['token', 'wanted'], 'tokens'),
        node('Concat', ['tokens', 'x'], 'y', { axis: 1 }),
      ],
    },
    'a line of the model repeated for all rows': {
      constants: { first: ints(0), one: ints(1), line: floats([1, 3], [1, 2, 3]) },
      nodes: [
        ...COUNT,
        node('Concat', ['count', 'one'], 'times', { axis: 0 }),
        node('Tile', ['line', 'times'], 'lines'),
        node('Add', ['x', 'lines'], 'y'),
      ],
    },
    'all rows cut from the first to the count': {
      constants: { first: ints(0), axis: ints(0) },
      nodes: [...COUNT, node('Slice', ['x', 'first', 'count', 'axis'], 'y')],
    },
    'all rows cut from the first to the greatest number there is': {
      constants: { start: ints(0, 0), end: { type: 'int64', shape: [2], values: ['9223372036854775807', 2] } },
      nodes: [node('Slice', ['x', 'start', 'end'], 'y')],
    },
    'twice as many, and half of that': {
      constants: { first: ints(0), two: ints(2), rest: ints(-1) },
      nodes: [
        ...COUNT,
        node('Mul', ['count', 'two'], 'double'),
        node('Div', ['double', 'two'], 'half'),
        node('Concat', ['half', 'rest'], 'wanted', { axis: 0 }),
        node('Reshape', ['x', 'wanted'], 'y'),
      ],
    },
  });
});

describe('what mixes values, but no rows', () => {
  expectProofs({
    'softmax of an old opset over axis 1': { opset: 11, nodes: [node('Softmax', ['x'], 'y')] },
    'a sum over no axes, which is none': {
      constants: { none: { type: 'int64', shape: [0], values: [] } },
      nodes: [node('ReduceSum', ['x', 'none'], 'y', { noop_with_empty_axes: 1 })],
    },
    'dynamic quantisation, and a sum of all, of what is fixed': {
      constants: { w: floats([3], [1, -2, 3]) },
      nodes: [
        node('DynamicQuantizeLinear', ['w'], ['q', 'scale', 'zero']),
        node('DequantizeLinear', ['q', 'scale', 'zero'], 'near'),
        node('ReduceSum', ['near'], 'sum', { keepdims: 0 }),
        node('Mul', ['x', 'sum'], 'y'),
      ],
    },
    'places of what is fixed and not zero': {
      constants: { w: floats([3], [1, 0, 3]) },
      nodes: [
        node('NonZero', ['w'], 'places'),
        node('Shape', ['places'], 'size'),
        node('Cast', ['size'], 'sizes', { to: 1 }),
        node('ReduceMax', ['sizes'], 'most', { keepdims: 0 }),
        node('Mul', ['x', 'most'], 'y'),
      ],
    },
    'a maximum whose place nobody asks for': {
      constants: { middle: ints(1) },
      nodes: [
        node('Unsqueeze', ['x', 'middle'], 'images'),
        node('MaxPool', ['images'], ['tops', 'places'], { kernel_shape: [2] }),
        node('Squeeze', ['tops', 'middle'], 'y'),
      ],
    },
    'weights from the left, of the features': {
      constants: { w: floats([2, 3], [1, 2, 3, 4, 5, 6]), last: ints(2) },
      nodes: [
        node('Unsqueeze', ['x', 'last'], 'columns'),
        node('MatMul', ['w', 'columns'], 'mixed'),
        node('Squeeze', ['mixed', 'last'], 'y'),
      ],
    },
    'each row with itself': {
      constants: { last: ints(2), middle: ints(1) },
      nodes: [
        node('Unsqueeze', ['x', 'last'], 'columns'),
        node('Unsqueeze', ['x', 'middle'], 'lines'),
        node('MatMul', ['columns', 'lines'], 'pairs'),
        node('ReduceMax', ['pairs'], 'y', { axes: [2], keepdims: 0 }),
      ],
    },
    'rows of rows by einsum': {
      nodes: [
        node('Einsum', ['x', 'x'], 'pairs', { equation: 'bi,bj->bij' }),
        node('ReduceMax', ['pairs'], 'y', { axes: [2] }),
      ],
    },
  });
});

describe('branches and loops that no row has a say in', () => {
  const relu: Graph = { nodes: [node('Relu', ['x'], 'a')], outputs: { a: {} } };
  const round = { round: { type: 'int64', shape: [] }, go: { type: 'bool', shape: [] } } as const;

  expectProofs({
    'a branch that is taken, beside one that would mix rows': {
      constants: { yes: YES },
      nodes: [
        node('If', ['yes'], 'y', {
          then_branch: { graph: relu },
          else_branch: { graph: { nodes: [node('Softmax', ['x'], 'b', { axis: 0 })], outputs: { b: {} } } },
        }),
      ],
    },
    'a branch on what is fixed, though not known': {
      constants: { w: floats([1], [0.5]) },
      nodes: [
        node('Exp', ['w'], 'more'),
        node('Cast', ['more'], 'yes', { to: 9 }),
        node('If', ['yes'], 'y', {
          then_branch: { graph: relu },
          else_branch: { graph: { nodes: [node('Neg', ['x'], 'b')], outputs: { b: {} } } },
        }),
      ],
    },
    'a loop that makes rows longer each round': {
      constants: { most: scalar(3), yes: YES, one: ints(1) },
      nodes: [
        node('Loop', ['most', 'yes', 'x'], 'long', {
          body: {
            graph: {
              inputs: { ...round, now: {} },
              outputs: { on: { type: 'bool', shape: [] }, next: {} },
              nodes: [node('Identity', ['go'], 'on'), node('Concat', ['now', 'x'], 'next', { axis: 1 })],
            },
          },
        }),
        node('ReduceSum', ['long', 'one'], 'y'),
      ],
    },
    'a loop whose rounds are told by what it counts itself': {
      constants: { most: scalar(9), yes: YES, limit: scalar(2) },
      nodes: [
        node('Loop', ['most', 'yes', 'x'], ['last', 'all'], {
          body: {
            graph: {
              inputs: { ...round, now: {} },
              outputs: { on: { type: 'bool', shape: [] }, next: {}, each: {} },
              nodes: [
                node('Less', ['round', 'limit'], 'on'),
                node('Add', ['now', 'x'], 'next'),
                node('Relu', ['next'], 'each'),
              ],
            },
          },
        }),
        node('ReduceMax', ['all'], 'top', { axes: [0], keepdims: 0 }),
        node('Add', ['top', 'last'], 'y'),
      ],
    },
    'a scan along the features, from the last to the first': {
      constants: { first: ints(0), none: ints(-1), zero: scalar(0, 'float32') },
      nodes: [
        ...COUNT,
        node('ConstantOfShape', ['count'], 'zeros'),
        node('Scan', ['zeros', 'x'], ['last', 'y'], {
          num_scan_inputs: 1,
          scan_input_axes: [1],
          scan_output_axes: [1],
          scan_input_directions: [1],
          body: {
            graph: {
              inputs: { sum: {}, feature: {} },
              outputs: { next: {}, now: {} },
              nodes: [node('Add', ['sum', 'feature'], 'next'), node('Tanh', ['next'], 'now')],
            },
          },
        }),
      ],
    },
  });
});
