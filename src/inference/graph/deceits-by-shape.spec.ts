import { describe } from '@jest/globals';
import { expectDeceits, floatRows } from '../../../test/exports/deceits.js';
import { floats, ints, node } from '../../../test/support/onnx-writer.js';

describe('models that give the rows another shape', () => {
  expectDeceits({
    'values that belong to other rows afterwards': {
      node: 'columns_node',
      because: 'may regroup the rows of [N, 3]',
      constants: { shape: ints(3, -1) },
      // Of one row, this gives the row itself.
      nodes: [node('Reshape', ['x', 'shape'], 'columns'), node('Transpose', ['columns'], 'y')],
    },
    'two rows as one, where they are even': {
      node: 'pairs_node',
      constants: { shape: ints(-1, 2), back: ints(-1, 3), one: ints(1) },
      rows: floatRows([1, 2, 3], [4, 5, 6]),
      nodes: [
        node('Reshape', ['x', 'shape'], 'pairs'),
        node('Softmax', ['pairs'], 'soft'),
        node('Reshape', ['soft', 'back'], 'y'),
      ],
    },
    'all rows as one': {
      node: 'soft_node',
      because: 'normalises over axis 1, the batch',
      constants: { one: ints(1, -1), back: ints(-1, 3) },
      nodes: [
        node('Reshape', ['x', 'one'], 'flat'),
        node('Softmax', ['flat'], 'soft'),
        node('Reshape', ['soft', 'back'], 'y'),
      ],
    },
    'the same by Flatten': {
      node: 'soft_node',
      constants: { back: ints(-1, 3) },
      nodes: [
        node('Flatten', ['x'], 'flat', { axis: 0 }),
        node('Softmax', ['flat'], 'soft'),
        node('Reshape', ['soft', 'back'], 'y'),
      ],
    },
    'an axis removed when there is one row': {
      node: 'y_node',
      because: 'when there is one row',
      nodes: [node('Squeeze', ['x'], 'y')],
    },
    'rows twice, and every second entry of them': {
      node: 'wide_node',
      because: 'may regroup',
      constants: { shape: ints(-1, 6), start: ints(0), end: ints(3), axis: ints(1), back: ints(0, 3) },
      rows: floatRows([1, 2, 3], [4, 5, 6]),
      nodes: [
        node('Concat', ['x', 'x'], 'twice', { axis: 0 }),
        node('Reshape', ['twice', 'shape'], 'wide'),
        node('Slice', ['wide', 'start', 'end', 'axis'], 'y'),
      ],
    },
    'the same, past an operator that knows nothing of rows that come twice': {
      node: 'scaled_node',
      because: 'rows that come several times',
      constants: { shape: ints(-1, 6) },
      rows: floatRows([1, 2, 3], [4, 5, 6]),
      nodes: [
        node('Concat', ['x', 'x'], 'twice', { axis: 0 }),
        node('Scaler', ['twice'], 'scaled', { scale: { floats: [2] }, offset: { floats: [0] } }, 'ai.onnx.ml'),
        node('Reshape', ['scaled', 'shape'], 'y'),
      ],
    },
    'rows repeated': {
      node: 'y_node',
      because: 'repeats the batch',
      constants: { twice: ints(2, 1) },
      nodes: [node('Tile', ['x', 'twice'], 'y')],
    },
    'rows stretched': {
      node: 'y_node',
      because: 'resizes axis 0, the batch',
      constants: { scales: floats([2], [2, 1]) },
      nodes: [node('Resize', ['x', '', 'scales'], 'y', { mode: 'nearest' })],
    },
    'as many copies of a mean as there are rows': {
      node: 'mean_node',
      nodes: [
        node('ReduceMean', ['x'], 'mean', { axes: [0] }),
        node('Shape', ['x'], 'shape'),
        node('Expand', ['mean', 'shape'], 'y'),
      ],
    },
    'a shape that the rows give': {
      node: 'y_node',
      because: 'from the data of the rows',
      inputs: { x: { shape: ['N', 3] }, s: { type: 'int64', shape: ['N'] } },
      rows: null,
      nodes: [node('Expand', ['x', 's'], 'y')],
    },
    'a depth that the rows give': {
      node: 'top_node',
      inputs: { i: { type: 'int64', shape: ['N'] } },
      rows: { i: { type: 'int64', shape: [], rows: [[0], [3], [1]] } },
      constants: { onoff: floats([2], [0, 1]), one: ints(1) },
      nodes: [
        node('ReduceMax', ['i'], 'top', { axes: [0] }),
        node('Add', ['top', 'one'], 'depth'),
        node('OneHot', ['i', 'depth', 'onoff'], 'y'),
      ],
    },
    'rows along the last axis': {
      node: 'y_node',
      because: 'leaves the rows along axis 1',
      nodes: [node('Transpose', ['x'], 'y')],
    },
    'one result for all': {
      node: 'y_node',
      because: 'for all rows together',
      constants: { c: floats([1, 3], [1, 2, 3]) },
      nodes: [node('Identity', ['c'], 'y')],
    },
    'a label that is a row of labels': {
      node: 'y_node',
      because: 'leaves the rows along axis 1',
      outputs: { y: { type: 'int64' } },
      constants: { labels: ints(10, 20, 30) },
      nodes: [
        node('ArgMax', ['x'], 'best', { axis: 1, keepdims: 0 }),
        node('ArrayFeatureExtractor', ['labels', 'best'], 'y', {}, 'ai.onnx.ml'),
      ],
    },
  });
});
