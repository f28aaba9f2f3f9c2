import { type Attribute, type Graph, node, scalar } from '../support/onnx-writer.js';
import { dim, type Dim, isMatrix, type RandomStep, replaced, type Value, without } from './random-graph.js';

/** Products, layers, tables, branches and loops. */
export const RANDOM_LAYERS: Readonly<Record<string, RandomStep>> = {
  matMul: (g) => {
    const value = g.value(({ dims }) => !dims.at(-1)?.rows);
    if (!value) return;
    const wide = 1 + g.below(3);
    g.add(
      'MatMul',
      [value.name, g.weights((value.dims.at(-1) as Dim).size, wide)],
      replaced(value.dims, value.dims.length - 1, dim(wide)),
    );
  },
  matMulLeft: (g) => {
    const value = g.value(({ dims }) => dims.length > 1 && !dims.at(-2)?.rows);
    if (value)
      g.add(
        'MatMul',
        [g.weights(2, (value.dims.at(-2) as Dim).size), value.name],
        replaced(value.dims, value.dims.length - 2, dim(2)),
      );
  },
  attention: (g) => {
    const value = g.value(({ dims }) => dims.length > 1);
    if (!value) return;
    const axes = value.dims.map((_, axis) => axis);
    const turned = g.inner('Transpose', [value.name], {
      perm: [...axes.slice(0, -2), axes.length - 1, axes.length - 2],
    });
    const scores = g.inner('Softmax', [g.inner('MatMul', [value.name, turned])], { axis: -1 });
    g.add('MatMul', [scores, value.name], value.dims);
  },
  gemm: (g) => {
    const value = g.value(isMatrix);
    if (value)
      g.add(
        'Gemm',
        [value.name, g.weights(2, (value.dims[1] as Dim).size), g.weights(2)],
        [value.dims[0] as Dim, dim(2)],
        { transB: 1 },
      );
  },
  einsum: (g) => {
    const value = g.value(({ dims }) => dims.length === 2);
    if (!value) return;
    const [a, b] = value.dims as [Dim, Dim];
    const [equation, dims] = g.pick([
      ['ij,ij->ij', [a, b]],
      ['ij->ji', [b, a]],
      ['ij,ij->i', [a]],
      ['ij,ij->j', [b]],
      ['ij,kj->ik', [a, a]],
    ] as [string, Dim[]][]);
    g.add('Einsum', equation.includes(',') ? [value.name, value.name] : [value.name], dims, { equation });
  },
  convolution: (g) => {
    const value = g.value(({ dims }) => dims.length === 3 && !dims[1]?.rows);
    if (!value) return;
    const [rows, channels, length] = value.dims as [Dim, Dim, Dim];
    g.add('Conv', [value.name, g.weights(2, channels.size, 1)], [rows, dim(2), length], { kernel_shape: [1] });
  },
  pool: (g) => {
    const value = g.value(({ dims }) => dims.length === 3);
    if (!value) return;
    if (g.chance(0.5)) g.add('GlobalAveragePool', [value.name], replaced(value.dims, 2, dim(1)));
    else g.add('MaxPool', [value.name], value.dims, { kernel_shape: [3], pads: [1, 1] });
  },
  recurrent: (g) => {
    const value = g.value(({ dims }) => dims.length === 3 && !dims[2]?.rows);
    if (!value) return;
    const [steps, rows, wide] = value.dims as [Dim, Dim, Dim];
    const weights = [g.weights(1, 6, wide.size), g.weights(1, 6, 2)];
    g.add('GRU', [value.name, ...weights], [steps, dim(1), rows, dim(2)], { hidden_size: 2 });
  },
  table: (g) => {
    const value = g.value(isMatrix);
    if (!value) return;
    const wide = (value.dims[1] as Dim).size;
    const scaler: Record<string, Attribute> = { scale: { floats: [0.5] }, offset: { floats: [0.25] } };
    const [operator, attributes, after] = g.pick([
      ['Normalizer', { norm: 'L2' }, wide],
      ['Scaler', scaler, wide],
      [
        'LinearRegressor',
        { coefficients: { floats: new Array<number>(wide).fill(0.5) }, intercepts: { floats: [1] } },
        1,
      ],
    ] as [string, Record<string, Attribute>, number][]);
    g.add(operator, [value.name], [value.dims[0] as Dim, dim(after)], attributes, 'ai.onnx.ml');
  },
  branch: (g) => {
    const value = g.value() as Value;
    const fixed = g.chance(0.7);
    const largest = fixed
      ? g.inner('ReduceMax', [g.weights(2)], { keepdims: 0 })
      : g.inner('ReduceMax', [value.name], { keepdims: 0 });
    const test = g.inner('Greater', [largest, g.constant(scalar(0, 'float32'))]);
    const one = (op: string): { graph: Graph } => {
      const name = g.name();
      return { graph: { nodes: [node(op, [value.name], name)], outputs: { [name]: {} } } };
    };
    g.add('If', [test], value.dims, { then_branch: one('Neg'), else_branch: one('Abs') });
  },
  scan: (g) => {
    const value = g.value(({ dims }) => dims.length > 1) as Value;
    const axis = g.axis(value);
    const rest = without(value.dims, axis);
    if (rest.filter(({ rows }) => rows).length !== 1) return;
    const start = g.inner('ReduceSum', [value.name, g.ints(axis)], { keepdims: 0 });
    const [sum, part, next, out, now, last] = [g.name(), g.name(), g.name(), g.name(), g.name(), g.name()];
    const body: Graph = {
      inputs: { [sum]: {}, [part]: {} },
      outputs: { [next]: {}, [now]: {} },
      nodes: [node('Sub', [sum, part], next), node('Tanh', [next], now)],
    };
    g.nodes.push(
      node('Scan', [start, value.name], [last, out], {
        body: { graph: body },
        num_scan_inputs: 1,
        scan_input_axes: [axis],
      }),
    );
    g.values.push({ name: last, dims: rest }, { name: out, dims: [value.dims[axis] as Dim, ...rest] });
  },
};
