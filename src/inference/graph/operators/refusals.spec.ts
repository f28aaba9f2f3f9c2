import { describe, expect, it } from '@jest/globals';
import {
  type Attribute,
  floats,
  ints,
  type Node,
  node,
  type Port,
  scalar,
  type Tensor,
  writeModel,
} from '../../../../test/support/onnx-writer.js';
import { proveRowsIndependent } from '../batch-proof.js';
import { readOnnx } from '../onnx-file.js';

/** Inputs and constants by the names that the cases below use; each model has only those that it reads. */
const INPUTS: Record<string, Port> = {
  row: { shape: ['N'] },
  x: { shape: ['N', 3] },
  y: { shape: ['M', 3] },
  t: { shape: ['N', 2, 3] },
  image: { shape: ['N', 3, 4, 4] },
  bytes: { type: 'uint8', shape: ['N', 3] },
  i: { type: 'int64', shape: ['N', 3] },
  text: { type: 'string', shape: ['N', 2] },
};
const CONSTANTS: Record<string, Tensor> = {
  zero: scalar(0, 'float32'),
  one: ints(1),
  minus: ints(-1),
  first: ints(0),
  three: floats([3], [1, 2, 3]),
  line: floats([1, 3], [1, 2, 3]),
  square: floats([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
  places: { type: 'int64', shape: [1, 3], values: [0, 0, 0] },
  many: ints(...new Array<number>(40).fill(0).map((_, axis) => axis)),
  most: ints(...new Array<number>(30).fill(0).map((_, axis) => axis)),
  long: ints(...new Array<number>(200).fill(0)),
  kernel: floats([1, 3, 1, 1], [1, 1, 1]),
  byte: { type: 'uint8', shape: [], values: [1] },
  bytesOfRows: { type: 'uint8', shape: [2], values: [1, 2] },
  weights: floats([1, 4, 3], new Array<number>(12).fill(1)),
  recurrence: floats([1, 4, 1], [1, 1, 1, 1]),
  state: floats([1, 1, 1], [0]),
  padding: ints(0, 1, 0, 1),
  table: floats([2, 3], [1, 2, 3, 4, 5, 6]),
};
/** Values made of those. */
const DERIVED: Record<string, Node> = {
  turned: node('Transpose', ['x'], 'turned'),
  turnedT: node('Transpose', ['t'], 'turnedT', { perm: [1, 0, 2] }),
  unknown: node('NonZero', ['three'], 'unknown'),
};
const COUNT = [node('Shape', ['x'], 'shape'), node('Gather', ['shape', 'first'], 'count')];

interface Case {
  nodes: readonly Node[];
  because: string;
  opset?: number;
}

function one(
  because: string,
  op: string,
  inputs: string[],
  attributes: Record<string, Attribute> = {},
  domain = '',
): Case {
  return { because, nodes: [node(op, inputs, 'z', attributes, domain)] };
}

function reasonOf({ nodes, opset = 17 }: Case): string {
  const used = nodes.flatMap(({ inputs }) => inputs);
  const derived = Object.entries(DERIVED)
    .filter(([name]) => used.includes(name))
    .map(([, made]) => made);
  const all = [...used, ...derived.flatMap(({ inputs }) => inputs)];
  const inputs = Object.fromEntries(Object.entries(INPUTS).filter(([name]) => name === 'x' || all.includes(name)));
  const constants = Object.fromEntries(Object.entries(CONSTANTS).filter(([name]) => all.includes(name)));
  const [output = ''] = nodes.at(-1)?.outputs ?? [];
  const bytes = writeModel({ inputs, constants, nodes: [...derived, ...nodes], outputs: { [output]: {} } }, { opset });
  const proof = proveRowsIndependent(readOnnx(bytes));
  return proof.independent ? 'independent' : proof.reason;
}

const ML = 'ai.onnx.ml';
const MS = 'com.microsoft';

const CASES: Record<string, Record<string, Case>> = {
  'what must be the same for all rows is not': {
    'limits of Clip': one('takes a setting from the batch', 'Clip', ['x', 'row']),
    'a scale of BatchNormalization': one('its parameters', 'BatchNormalization', [
      'x',
      'row',
      'three',
      'three',
      'three',
    ]),
    'a scale of InstanceNormalization': one('its parameters', 'InstanceNormalization', ['t', 'row', 'row']),
    'a scale of LayerNormalization': one('its parameters', 'LayerNormalization', ['x', 'x']),
    'a scale of LayerNormalization for each row': one('parameters for the batch', 'LayerNormalization', ['t', 'table']),
    'weights of Conv': one('its weights', 'Conv', ['image', 'image']),
    'weights of ConvTranspose': one('its weights', 'ConvTranspose', ['image', 'image']),
    'weights of LSTM': one('its weights', 'LSTM', ['t', 't', 'recurrence'], { hidden_size: 1 }),
    'a scale of QuantizeLinear': one('its scale', 'QuantizeLinear', ['x', 'row']),
    'a zero point of DequantizeLinear': one('its zero point', 'DequantizeLinear', ['bytes', 'zero', 'bytes']),
    'a scale for each block': one('each block', 'QuantizeLinear', ['x', 'square'], { block_size: 1, axis: 1 }),
    'a zero point of MatMulInteger': one('its scale', 'MatMulInteger', ['bytes', 'bytesOfRows', 'bytes']),
    'a zero point of MatMulInteger for each row': one('for each row', 'MatMulInteger', [
      'bytes',
      'bytesOfRows',
      'bytesOfRows',
    ]),
    'a zero point of the right side': one('a zero point', 'MatMulInteger', ['bytesOfRows', 'byte', 'byte', 'bytes']),
    'a scale of QLinearMatMul': one('its scale', 'QLinearMatMul', [
      'bytes',
      'row',
      'byte',
      'bytesOfRows',
      'zero',
      'byte',
      'zero',
      'byte',
    ]),
    'another scale of QLinearMatMul': one('its scale', 'QLinearMatMul', [
      'bytes',
      'zero',
      'byte',
      'bytesOfRows',
      'row',
      'byte',
      'zero',
      'byte',
    ]),
    'a scale of QLinearConv': one('its weights', 'QLinearConv', [
      'image',
      'row',
      'byte',
      'kernel',
      'zero',
      'byte',
      'zero',
      'byte',
    ]),
    'scales of QLinearConv for each row': one('for each row', 'QLinearConv', [
      'image',
      'three',
      'byte',
      'kernel',
      'zero',
      'byte',
      'zero',
      'byte',
    ]),
    'a zero point of ConvInteger': one('its scale', 'ConvInteger', ['image', 'kernel', 'bytes']),
    'a scale of QLinearAdd': one(
      'its scale',
      'QLinearAdd',
      ['bytes', 'row', 'byte', 'bytes', 'zero', 'byte', 'zero', 'byte'],
      {},
      MS,
    ),
    'a scale of QLinearSigmoid': one('its scale', 'QLinearSigmoid', ['bytes', 'row', 'byte', 'zero', 'byte'], {}, MS),
    'a scale of a contrib QuantizeLinear': one('for each row', 'QuantizeLinear', ['x', 'three', 'bytesOfRows'], {}, MS),
    'depth of OneHot': one('its depth', 'OneHot', ['i', 'i', 'three']),
    'values of OneHot': one('its values', 'OneHot', ['i', 'one', 'row']),
    'number of TopK': one('how many it keeps', 'TopK', ['x', 'i']),
    'filling of Pad': one('its filling', 'Pad', ['x', 'padding', 'row']),
    'widths of Pad': one('its widths', 'Pad', ['x', 'i']),
    'axes of ReduceSum': one('its axes', 'ReduceSum', ['x', 'i']),
    'sizes of Split': one('the sizes of its parts', 'Split', ['x', 'i'], { axis: 1 }),
    'bounds of Slice': one('its bounds', 'Slice', ['x', 'i', 'i']),
    'bounds of Range': one('its bounds', 'Range', ['row', 'zero', 'zero']),
    'shape of Reshape': one('from the data of the rows', 'Reshape', ['x', 'i']),
    'shape of Expand': one('from the data of the rows', 'Expand', ['x', 'i']),
    'shape of ConstantOfShape': one('from the data of the rows', 'ConstantOfShape', ['i']),
    'sizes of Resize': one('its sizes from the batch', 'Resize', ['image', '', '', 'i']),
    'scales of Resize': one('its scales', 'Resize', ['image', '', 'row']),
    'diagonal of Trilu': one('its diagonal', 'Trilu', ['t', 'i']),
    'rounds of Loop': one('its number of rounds', 'Loop', ['i', '', 'x']),
    'condition of Loop': one('its condition', 'Loop', ['', 'i', 'x']),
    'condition of If': one('its condition', 'If', ['i']),
    'parameters of SkipLayerNormalization': one('its parameters', 'SkipLayerNormalization', ['t', 't', 'row'], {}, MS),
  },
  'rows meet other rows': {
    'in GatherND': one('what other rows say', 'GatherND', ['x', 'i']),
    'in Gather': one('what other rows say', 'Gather', ['x', 'i'], { axis: 1 }),
    'in GatherElements': one('do not line up', 'GatherElements', ['x', 'places'], { axis: 1 }),
    'in GatherElements, by the rows of a table': one('do not line up', 'GatherElements', ['square', 'i'], { axis: 1 }),
    'in ScatterElements': one('do not line up', 'ScatterElements', ['x', 'places', 'line'], { axis: 1 }),
    'in GatherND, several at once': one('not followed', 'GatherND', ['three', 'turned']),
    'in CDist': one('each row with every other', 'CDist', ['x', 'y'], {}, MS),
    'in ArrayFeatureExtractor': one('what other rows say', 'ArrayFeatureExtractor', ['x', 'i'], {}, ML),
    'in FusedMatMul': one('the axes of the batch', 'FusedMatMul', ['t', 't'], { transBatchA: 1 }, MS),
    'in Einsum, on a diagonal': one('a diagonal', 'Einsum', ['x'], { equation: 'ii->i' }),
    'in Einsum, by a fixed value': one('with another axis', 'Einsum', ['x', 'line'], { equation: 'ij,ij->ij' }),
    'in Einsum, without a result': one('not followed', 'Einsum', ['x'], { equation: 'ij' }),
    'in Einsum, with axes unsaid': one('not followed', 'Einsum', ['x'], { equation: '...j->...' }),
    'in LSTM, from one state for all': one(
      'from one state',
      'LSTM',
      ['turnedT', 'weights', 'recurrence', '', '', 'state'],
      { hidden_size: 1 },
    ),
    'in LSTM, each of its own length': one(
      'the length of each row',
      'LSTM',
      ['turnedT', 'weights', 'recurrence', '', 'i'],
      { hidden_size: 1 },
    ),
  },
  'an operator works along the batch': {
    Trilu: one('where the row stands', 'Trilu', ['x']),
    Conv: one('axis 1, the batch', 'Conv', ['turnedT', 'weights']),
    BatchNormalization: one('parameters for axis 1', 'BatchNormalization', [
      'turnedT',
      'three',
      'three',
      'three',
      'three',
    ]),
    SkipLayerNormalization: one(
      'over axis 1, the batch',
      'SkipLayerNormalization',
      ['turned', 'turned', 'three'],
      {},
      MS,
    ),
    ArrayFeatureExtractor: one('entries of axis 1, the batch', 'ArrayFeatureExtractor', ['turned', 'first'], {}, ML),
    Squeeze: one('removes the batch axis', 'Squeeze', ['x', 'first']),
    StringNormalizer: one('one dimension, or a single row', 'StringNormalizer', ['text']),
    'Resize that crops': one('crops', 'Resize', ['image', '', 'zero'], {
      coordinate_transformation_mode: 'tf_crop_and_resize',
    }),
    'Resize that keeps proportions': one('several axes', 'Resize', ['image', '', 'zero'], {
      keep_aspect_ratio_policy: 'not_larger',
    }),
  },
  'a graph is out of all proportion': {
    'too many axes at once': { because: 'too many dimensions', nodes: [node('Unsqueeze', ['x', 'many'], 'z')] },
    'too many axes in the end': {
      because: 'too many dimensions',
      nodes: [node('Unsqueeze', ['x', 'most'], 'w'), node('OneHot', ['w', 'one', 'three'], 'z')],
    },
    'too many bounds': one('too many bounds', 'Slice', ['x', 'long', 'long']),
  },
  'the number of rows is used as a number': {
    'added to one': { because: 'the number of rows', nodes: [...COUNT, node('Add', ['count', 'one'], 'z')] },
    'divided, with a rest': { because: 'the number of rows', nodes: [...COUNT, node('Div', ['count', 'three'], 'z')] },
    rounded: { because: 'the number of rows', nodes: [...COUNT, node('Cast', ['count'], 'z', { to: 1 })] },
    compared: { because: 'the number of rows', nodes: [...COUNT, node('Equal', ['count', 'one'], 'z')] },
    'picked by a place that is not known': {
      because: 'the number of rows',
      nodes: [...COUNT, node('Gather', ['shape', 'i'], 'z')],
    },
    'cut by bounds that are not known': {
      because: 'the number of rows',
      nodes: [
        ...COUNT,
        node('Cast', ['zero'], 'from', { to: 3 }),
        node('Unsqueeze', ['from', 'first'], 'some'),
        node('Slice', ['shape', 'some', 'one'], 'z'),
      ],
    },
    'as the bound of a table': {
      because: 'cuts by the number of rows',
      nodes: [...COUNT, node('Slice', ['long', 'first', 'count'], 'z')],
    },
    'joined with data': {
      because: 'the number of rows',
      nodes: [...COUNT, node('Concat', ['count', 'long'], 'z', { axis: 0 })],
    },
    summed: { because: 'the number of rows', nodes: [...COUNT, node('ReduceSum', ['shape'], 'z')] },
    'as a feature': { because: 'the number of rows', nodes: [...COUNT, node('Mul', ['x', 'count'], 'z')] },
    'as a table': { because: 'the number of rows', nodes: [...COUNT, node('Gather', ['count', 'i'], 'z')] },
    'as what is expanded': { because: 'the number of rows', nodes: [...COUNT, node('Expand', ['count', 'one'], 'z')] },
    'as a number of copies of rows': {
      because: 'repeats the batch',
      nodes: [...COUNT, node('Concat', ['count', 'one'], 'times', { axis: 0 }), node('Tile', ['x', 'times'], 'z')],
    },
    'twice in a shape': {
      because: 'each row with every other',
      nodes: [
        ...COUNT,
        node('Concat', ['count', 'count'], 'twice', { axis: 0 }),
        node('ConstantOfShape', ['twice'], 'z'),
      ],
    },
    'for a shape of what is fixed': {
      because: 'spreads a fixed value',
      nodes: [...COUNT, node('Reshape', ['three', 'count'], 'z')],
    },
    'as the shape of what is not known': {
      because: 'not followed',
      nodes: [...COUNT, node('Expand', ['unknown', 'count'], 'z')],
    },
    'in what is reshaped to what is not known': {
      because: 'not followed',
      nodes: [...COUNT, node('Reshape', ['count', 'unknown'], 'z')],
    },
  },
};

describe.each(Object.entries(CASES))('%s:', (_, cases) => {
  it.each(Object.entries(cases))('%s', (_, refused) => {
    expect(reasonOf(refused)).toContain(refused.because);
  });
});
