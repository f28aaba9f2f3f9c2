import { describe } from '@jest/globals';
import { expectDeceits, floatRows } from '../../../test/exports/deceits.js';
import { floats, ints, node, scalar } from '../../../test/support/onnx-writer.js';

const ZERO = ints(0);
const ONE_TWO_THREE = floats([3], [1, 2, 3]);

describe('models that normalise or sum over the batch', () => {
  expectDeceits({
    'softmax over axis 0': {
      node: 'y_node',
      because: 'normalises over axis 0, the batch',
      nodes: [node('Softmax', ['x'], 'y', { axis: 0 })],
    },
    'softmax over an axis counted from the back': {
      node: 'y_node',
      nodes: [node('Softmax', ['x'], 'y', { axis: -2 })],
    },
    'softmax of an old opset, which takes all axes from 0 on together': {
      node: 'y_node',
      because: 'all axes from axis 0 on',
      opset: 11,
      nodes: [node('LogSoftmax', ['x'], 'y', { axis: 0 })],
    },
    'softmax of an old opset over axis 1 and what follows, where the batch is': {
      node: 's_node',
      opset: 11,
      inputs: { x: { shape: ['N', 2, 3] } },
      rows: {
        x: {
          type: 'float32',
          shape: [2, 3],
          rows: [
            [1, 2, 3, 4, 5, 6],
            [0, 3, 1, 2, 2, 9],
          ],
        },
      },
      nodes: [
        node('Transpose', ['x'], 't', { perm: [1, 0, 2] }),
        node('Softmax', ['t'], 's'),
        node('Transpose', ['s'], 'y', { perm: [1, 0, 2] }),
      ],
    },
    'the mean of the batch taken off': {
      node: 'mean_node',
      because: 'reduces axis 0, the batch',
      nodes: [node('ReduceMean', ['x'], 'mean', { axes: [0] }), node('Sub', ['x', 'mean'], 'y')],
    },
    'the largest of all values': {
      node: 'max_node',
      because: 'reduces all axes',
      nodes: [node('ReduceMax', ['x'], 'max', { keepdims: 0 }), node('Div', ['x', 'max'], 'y')],
    },
    'a sum whose axes are an input': {
      node: 'sum_node',
      constants: { axes: ints(-2) },
      nodes: [node('ReduceSum', ['x', 'axes'], 'sum'), node('Mul', ['x', 'sum'], 'y')],
    },
    'a mean as a matrix product with as many ones as there are rows': {
      node: 'sum_node',
      because: 'sums over the batch',
      constants: { first: ZERO, one: ints(1) },
      nodes: [
        node('Shape', ['x'], 'shape'),
        node('Gather', ['shape', 'first'], 'rows'),
        node('Concat', ['one', 'rows'], 'wanted', { axis: 0 }),
        node('ConstantOfShape', ['wanted'], 'ones', { value: { tensor: floats([1], [1]) } }),
        node('MatMul', ['ones', 'x'], 'sum'),
        node('Add', ['x', 'sum'], 'y'),
      ],
    },
    'batch normalisation in training mode': {
      node: 'y_node',
      because: 'training mode',
      constants: { scale: ONE_TWO_THREE, bias: ONE_TWO_THREE, mean: ONE_TWO_THREE, var: ONE_TWO_THREE },
      nodes: [node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'var'], ['y', 'm', 'v'], { training_mode: 1 })],
    },
    'layer normalisation from axis 0 on': {
      node: 'y_node',
      constants: { scale: floats([3], [1, 1, 1]) },
      nodes: [node('LayerNormalization', ['x', 'scale'], 'y', { axis: 0 })],
      // The runtime may refuse the scale; what counts is that it is not proven.
      rows: null,
    },
    'a norm over the batch': {
      node: 'y_node',
      nodes: [node('LpNormalization', ['x'], 'y', { axis: 0, p: 2 })],
    },
    'a scale that is taken from the largest value of all rows': {
      node: 'q_node',
      because: 'all rows together',
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
        node('DequantizeLinear', ['q', 'scale', 'zero'], 'y'),
      ],
    },
    'a scale computed by hand': {
      node: 'max_node',
      constants: { levels: scalar(127, 'float32') },
      nodes: [
        node('Abs', ['x'], 'abs'),
        node('ReduceMax', ['abs'], 'max', { keepdims: 0 }),
        node('Div', ['max', 'levels'], 'scale'),
        node('QuantizeLinear', ['x', 'scale'], 'q'),
        node('DequantizeLinear', ['q', 'scale'], 'y'),
      ],
    },
  });
});

describe('models that meet each row with others', () => {
  expectDeceits({
    'similarities of all rows': {
      node: 'gram_node',
      because: 'multiplies each row with every other',
      nodes: [
        node('Transpose', ['x'], 't'),
        node('MatMul', ['x', 't'], 'gram'),
        node('ReduceMax', ['gram'], 'y', { axes: [1] }),
      ],
    },
    'a covariance': {
      node: 'cov_node',
      because: 'sums over the batch',
      nodes: [node('Transpose', ['x'], 't'), node('MatMul', ['t', 'x'], 'cov'), node('MatMul', ['x', 'cov'], 'y')],
    },
    'the same by transA': {
      node: 'cov_node',
      because: 'sums over the batch',
      nodes: [node('Gemm', ['x', 'x'], 'cov', { transA: 1 }), node('MatMul', ['x', 'cov'], 'y')],
    },
    'a column met with itself as a row': {
      node: 'pairs_node',
      because: 'each row with every other',
      inputs: { x: { shape: ['N', 1] } },
      rows: floatRows([1], [5], [-2]),
      nodes: [
        node('Transpose', ['x'], 't'),
        node('Sub', ['x', 't'], 'pairs'),
        node('ReduceMax', ['pairs'], 'y', { axes: [1] }),
      ],
    },
    'a vector of rows that broadcasting lines up with the features': {
      node: 'y_node',
      because: 'each row with every other',
      inputs: { x: { shape: ['N', 1] } },
      rows: floatRows([1], [5], [-2]),
      constants: { last: ints(1) },
      nodes: [node('Squeeze', ['x', 'last'], 'flat'), node('Mul', ['x', 'flat'], 'y')],
    },
    'one weight for each row of a batch of three': {
      node: 'y_node',
      constants: { w: floats([3, 1], [1, 2, 3]) },
      rows: floatRows([1, 2, 3], [4, 5, 6], [7, 8, 9]),
      nodes: [node('Mul', ['x', 'w'], 'y')],
    },
    'similarities by einsum': {
      node: 'gram_node',
      nodes: [node('Einsum', ['x', 'x'], 'gram', { equation: 'ij,kj->ik' }), node('ReduceSum', ['gram', 'one'], 'y')],
      constants: { one: ints(1) },
    },
    'a sum over the batch by einsum': {
      node: 'sum_node',
      because: 'sums over the batch',
      nodes: [node('Einsum', ['x', 'x'], 'sum', { equation: 'ij,ij->j' }), node('Add', ['x', 'sum'], 'y')],
    },
    'two inputs, each row of one with every row of the other': {
      node: 'scores_node',
      inputs: { x: { shape: ['N', 2] }, y: { shape: ['M', 2] } },
      outputs: { z: {} },
      rows: {
        x: {
          type: 'float32',
          shape: [2],
          rows: [
            [1, 2],
            [3, 4],
          ],
        },
        y: {
          type: 'float32',
          shape: [2],
          rows: [
            [5, 6],
            [7, 9],
          ],
        },
      },
      constants: { one: ints(1) },
      nodes: [node('Gemm', ['x', 'y'], 'scores', { transB: 1 }), node('ReduceSum', ['scores', 'one'], 'z')],
    },
    'a norm of a vector of all rows, as if it were one row': {
      node: 'n_node',
      inputs: { x: { shape: ['N', 1] } },
      rows: floatRows([1], [5], [-2]),
      constants: { shape: ints(-1), last: ints(-1, 1) },
      nodes: [
        node('Reshape', ['x', 'shape'], 'flat'),
        node('Normalizer', ['flat'], 'n', { norm: 'L2' }, 'ai.onnx.ml'),
        node('Reshape', ['n', 'last'], 'y'),
      ],
    },
  });
});
