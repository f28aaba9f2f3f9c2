import { describe, expect, it } from '@jest/globals';
import {
  encodeModel,
  floats,
  type Graph,
  node,
  type Port,
  toGraph,
  writeModel,
} from '../../../test/support/onnx-writer.js';
import { type BatchProof, proveRowsIndependent } from './batch-proof.js';
import { readOnnx } from './onnx-file.js';

function prove(graph: Partial<Graph>, outputs?: string[]): BatchProof {
  return proveRowsIndependent(readOnnx(writeModel(withDefaults(graph))), outputs);
}

function withDefaults(graph: Partial<Graph>): Graph {
  return { inputs: { x: { shape: ['N', 3] } }, outputs: { y: {} }, nodes: [node('Relu', ['x'], 'y')], ...graph };
}

const INDEPENDENT = { independent: true };

describe('the inputs of a model', () => {
  it.each<[string, Record<string, Port>]>([
    ['a symbol', { x: { shape: ['N', 3] } }],
    ['an unnamed symbol', { x: { shape: ['', 3] } }],
    ['rows without entries of their own', { x: { shape: ['N'] } }],
    ['other symbols behind', { x: { shape: ['N', 'length', ''] } }],
  ])('may have %s for the number of rows', (_, inputs) => {
    expect(prove({ inputs })).toEqual(INDEPENDENT);
  });

  it.each<[Record<string, Port>, string]>([
    [{ x: { shape: [1, 3] } }, 'the first dimension of input "x" is fixed at 1'],
    [{ x: { shape: ['N', 3] }, other: { shape: [4] } }, 'the first dimension of input "other" is fixed at 4'],
    [{ x: { shape: [] } }, 'input "x" is a single value, without rows'],
    [{ x: {} }, 'input "x" has an unknown number of dimensions'],
    [{ x: { shape: ['N', 'N'] } }, 'input "x" has the batch, "N", in two dimensions'],
    [{}, 'the model has no input'],
  ])('may not be %j', (inputs, reason) => {
    expect(prove({ inputs })).toEqual({ independent: false, node: '', operator: '', reason });
  });

  it('may not be lists', () => {
    const list = { name: 'x', type: { sequenceType: { elemType: { tensorType: { elemType: 1 } } } } };
    const bytes = encodeModel({ graph: { ...toGraph(withDefaults({ inputs: {} })), input: [list] } });
    expect(proveRowsIndependent(readOnnx(bytes))).toMatchObject({ reason: 'input "x" is not a tensor' });
  });

  it('may have a default, which is taken whatever the rows are', () => {
    const inputs = { x: { shape: ['N', 3] }, factor: { shape: [1] } };
    const constants = { factor: floats([1], [2]) };
    expect(prove({ inputs, constants, nodes: [node('Mul', ['x', 'factor'], 'y')] })).toEqual(INDEPENDENT);
  });

  it('may be several, with symbols of their own', () => {
    const inputs = { a: { shape: ['N', 3] }, b: { shape: ['batch', 1] }, c: { shape: ['', 3] } };
    expect(prove({ inputs, nodes: [node('Sum', ['a', 'b', 'c'], 'y')] })).toEqual(INDEPENDENT);
  });
});

describe('the outputs of a model', () => {
  const nodes = [
    node('Relu', ['x'], 'good'),
    node('Transpose', ['x'], 'turned'),
    node('Reshape', ['x', 'all'], 'flat'),
    node('Identity', ['c'], 'fixed'),
  ];
  const graph = {
    nodes,
    constants: { all: { type: 'int64', shape: [1], values: [-1] }, c: floats([1], [1]) },
    outputs: { good: {}, turned: {}, flat: {}, fixed: {}, x: {}, c: {} },
  } as const;

  it.each([
    ['good', undefined],
    ['x', undefined],
    ['turned', 'node "turned_node", operator Transpose: leaves the rows along axis 1 of "turned", [3, N]'],
    ['flat', 'node "flat_node", operator Reshape: gives several entries of "flat" for each row'],
    ['fixed', 'node "fixed_node", operator Identity: gives one "fixed" for all rows together'],
    ['c', 'gives one "c" for all rows together'],
    ['none', 'the model has no output "none"'],
  ])('are looked at one by one: %s', (name, reason) => {
    expect(prove(graph, [name])).toMatchObject(reason === undefined ? INDEPENDENT : { independent: false, reason });
  });

  it('count together, unless some are asked for', () => {
    expect(prove(graph)).toMatchObject({ independent: false, node: 'turned_node' });
    expect(prove(graph, ['x', 'good'])).toEqual(INDEPENDENT);
  });

  it('do not count when they are lists of maps, which nobody fetches', () => {
    const labels = { classlabels_int64s: [0, 1, 2] };
    const zipped = toGraph(
      withDefaults({ nodes: [node('Relu', ['x'], 'y'), node('ZipMap', ['y'], 'maps', labels, 'ai.onnx.ml')] }),
    );
    const maps = { name: 'maps', type: { sequenceType: { elemType: { mapType: { keyType: 7 } } } } };
    const opsetImport = [{ version: 17 }, { domain: 'ai.onnx.ml', version: 3 }];
    const model = readOnnx(encodeModel({ opsetImport, graph: { ...zipped, output: [...zipped.output, maps] } }));
    expect(proveRowsIndependent(model)).toEqual(INDEPENDENT);
    expect(proveRowsIndependent(model, ['maps'])).toMatchObject({ node: 'maps_node', operator: 'ZipMap' });
    const alone = readOnnx(encodeModel({ opsetImport, graph: { ...zipped, output: [maps] } }));
    expect(proveRowsIndependent(alone)).toMatchObject({ reason: 'the model has no output that is a tensor' });
  });
});

describe('a proof', () => {
  it('names a node without a name by what it writes', () => {
    const nameless = { ...node('Softmax', ['x'], 'y', { axis: 0 }), name: '' };
    expect(prove({ nodes: [nameless] })).toEqual({
      independent: false,
      node: 'y',
      operator: 'Softmax',
      reason: 'node "y", operator Softmax: normalises over axis 0, the batch',
    });
  });

  it('fails for a node that no output hangs on: the run may fail by it', () => {
    const weights = floats([2, 3], [1, 2, 3, 4, 5, 6]);
    const nodes = [node('Add', ['x', 'weights'], 'unread'), node('Relu', ['x'], 'y')];
    expect(prove({ nodes, constants: { weights } })).toMatchObject({ independent: false, node: 'unread_node' });
  });

  it('says the same of a model again', () => {
    const body = {
      inputs: { state: { shape: ['N', 2] }, row: { shape: ['N', 2] } },
      outputs: { next: {}, now: {} },
      nodes: [node('Add', ['state', 'row'], 'next'), node('Relu', ['next'], 'now')],
    };
    const nodes = [
      node('Scan', ['x', 'z'], ['last', 'all'], { body: { graph: body }, num_scan_inputs: 1, scan_input_axes: [1] }),
      node('Relu', ['last'], 'y'),
    ];
    const inputs = { x: { shape: ['N', 2] }, z: { shape: ['N', 4, 2] } };
    const model = readOnnx(writeModel(withDefaults({ nodes, inputs })));
    expect(proveRowsIndependent(model)).toEqual(INDEPENDENT);
    expect(proveRowsIndependent(model)).toEqual(INDEPENDENT);
  });

  it.each<[string, Graph['nodes'], string]>([
    ['reads what comes later', [node('Relu', ['z'], 'y'), node('Relu', ['x'], 'z')], 'nothing before it writes "z"'],
    ['writes a value twice', [node('Relu', ['x'], 'y'), node('Neg', ['x'], 'y')], '"y" is written twice'],
    ['writes no output', [node('Relu', ['x'], 'z')], 'nothing writes the output "y"'],
    ['lacks an input', [node('Gemm', ['x'], 'y')], 'lacks an input'],
    ['has an attribute of the wrong type', [node('Softmax', ['x'], 'y', { axis: { float: 1 } })], 'of another type'],
    ['has no such axis', [node('Softmax', ['x'], 'y', { axis: 7 })], 'has no axis 7'],
    ['lacks a subgraph', [node('Loop', ['', '', 'x'], 'y')], 'lacks its subgraph "body"'],
  ])('fails in plain words for a graph that %s', (_, nodes, reason) => {
    expect(prove({ nodes })).toMatchObject({ independent: false, reason: expect.stringContaining(reason) });
  });

  it('ends soon for loops in loops in loops', () => {
    let graph: Graph = { nodes: [node('Neg', ['x'], 'y0')], outputs: { y0: {} } };
    for (let depth = 1; depth < 20; depth++) {
      const [inner] = Object.keys(graph.outputs) as [string];
      const [round, go, on, state, output] = ['round', 'go', 'on', 'state', 'y'].map((name) => `${name}${depth}`) as [
        string,
        string,
        string,
        string,
        string,
      ];
      const body: Graph = {
        inputs: { [round]: {}, [go]: {}, [state]: {} },
        outputs: { [on]: {}, [output]: {} },
        nodes: [...graph.nodes, node('Identity', [go], on), node('Concat', [state, inner], output, { axis: 1 })],
      };
      const result = `result${depth}`;
      graph = { nodes: [node('Loop', ['', '', 'x'], result, { body: { graph: body } })], outputs: { [result]: {} } };
    }
    const started = performance.now();
    const [output] = Object.keys(graph.outputs) as [string];
    expect(prove({ ...graph, nodes: [...graph.nodes, node('Relu', [output], 'y')], outputs: { y: {} } })).toMatchObject(
      {
        independent: false,
        reason: expect.stringContaining('the graph is too large to be followed'),
      },
    );
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});
