import { type Attribute, floats, type Graph, node, scalar } from './onnx-writer.js';
import { dim, type Dim, type GraphBuilder, type Value } from './random-graph.js';

/** Adds some nodes to a graph, or none if no value suits. Some mix rows, most do not. */
export type RandomStep = (graph: GraphBuilder) => void;

function without(dims: readonly Dim[], axis: number): Dim[] {
  return dims.filter((_, other) => other !== axis);
}

function replaced(dims: readonly Dim[], axis: number, size: Dim): Dim[] {
  return dims.map((own, other) => (other === axis ? size : own));
}

function isMatrix({ dims }: Value): boolean {
  return dims.length === 2 && Boolean(dims[0]?.rows) && !dims[1]?.rows;
}

function steps(): Record<string, RandomStep> {
  return {
    unary: (g) => {
      const value = g.value() as Value;
      g.add(
        g.pick(['Relu', 'Tanh', 'Abs', 'Neg', 'Sigmoid', 'Softsign', 'Elu', 'Identity', 'Erf']),
        [value.name],
        value.dims,
      );
    },
    withConstant: (g) => {
      const { name, dims } = g.value() as Value;
      // A size of one is spread; any other must fit, and seldom does where the batch is.
      const shape = dims
        .slice(g.below(dims.length))
        .map(({ size, rows }) => (rows ? (g.chance(0.04) ? 2 : 1) : g.chance(0.3) ? 1 : size));
      g.add(g.pick(['Add', 'Sub', 'Mul', 'Max', 'Min', 'PRelu']), [name, g.weights(...shape)], dims);
    },
    two: (g) => {
      const a = g.value() as Value;
      const b =
        g.value(
          ({ dims }) => dims.length === a.dims.length && dims.every((own, axis) => fits(own, a.dims[axis] as Dim)),
        ) ?? a;
      g.add(g.pick(['Add', 'Sub', 'Mul', 'Max', 'Min']), g.chance(0.5) ? [a.name, b.name] : [b.name, a.name], a.dims);
    },
    anyTwo: (g) => {
      const [a, b] = [g.value() as Value, g.value() as Value];
      if (a.dims.length === b.dims.length)
        g.add(
          'Add',
          [a.name, b.name],
          a.dims.map((own, axis) => wider(own, b.dims[axis] as Dim)),
        );
    },
    where: (g) => {
      const value = g.value() as Value;
      const test = g.inner(g.pick(['Less', 'Greater']), [value.name, g.weights(1)]);
      g.add('Where', [test, value.name, g.weights(1)], value.dims);
    },
    reduce: (g) => {
      const value = g.value() as Value;
      if (value.dims.length < 2) return;
      const axis = g.axis(value);
      const keepdims = g.below(2);
      const dims = keepdims ? replaced(value.dims, axis, dim(1)) : without(value.dims, axis);
      const operator = g.pick(['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceL2', 'ReduceLogSumExp']);
      const back = g.chance(0.5) ? axis - value.dims.length : axis;
      if (operator === 'ReduceSum') g.add(operator, [value.name, g.ints(back)], dims, { keepdims });
      else g.add(operator, [value.name], dims, { keepdims, axes: [back] });
    },
    reduceAll: (g) => {
      const value = g.value() as Value;
      if (g.chance(0.85)) return;
      const all = g.inner('ReduceMax', [value.name], { keepdims: 0 });
      g.add('Sub', [value.name, all], value.dims);
    },
    normalise: (g) => {
      const value = g.value() as Value;
      g.add(g.pick(['Softmax', 'LogSoftmax', 'LpNormalization']), [value.name], value.dims, { axis: g.axis(value) });
    },
    layerNorm: (g) => {
      const value = g.value(({ dims }) => !dims.at(-1)?.rows);
      if (value)
        g.add('LayerNormalization', [value.name, g.weights((value.dims.at(-1) as Dim).size)], value.dims, { axis: -1 });
    },
    transpose: (g) => {
      const { name, dims } = g.value() as Value;
      const perm = dims.map((_, axis) => axis).sort(() => g.random() - 0.5);
      g.add(
        'Transpose',
        [name],
        perm.map((axis) => dims[axis] as Dim),
        { perm },
      );
    },
    unsqueeze: (g) => {
      const { name, dims } = g.value() as Value;
      const axis = g.below(dims.length + 1);
      if (dims.length < 4) g.add('Unsqueeze', [name, g.ints(axis)], dims.toSpliced(axis, 0, dim(1)));
    },
    flatten: (g) => {
      const { name, dims } = g.value() as Value;
      const axis = g.below(dims.length + 1);
      g.add('Flatten', [name], [merged(dims.slice(0, axis)), merged(dims.slice(axis))], { axis });
    },
    mergeTail: (g) => {
      const { name, dims } = g.value() as Value;
      g.add('Reshape', [name, g.ints(0, -1)], [dims[0] as Dim, merged(dims.slice(1))]);
    },
    mergeHead: (g) => {
      const { name, dims } = g.value() as Value;
      const last = dims.at(-1) as Dim;
      if (!last.rows) g.add('Reshape', [name, g.ints(-1, last.size)], [merged(dims.slice(0, -1)), last]);
    },
    regroup: (g) => {
      const { name, dims } = g.value() as Value;
      const { size, rows } = merged(dims);
      const factor = g.pick([1, 2, 3]);
      if (rows && size % factor === 0)
        g.add('Reshape', [name, g.ints(-1, factor)], [{ size: size / factor, rows }, dim(factor)]);
      if (rows && size % factor === 0 && g.chance(0.3))
        g.add('Reshape', [name, g.ints(factor, -1)], [dim(factor), { size: size / factor, rows }]);
    },
    /** To the shape that the value has, computed from it, and with a part of it made -1. */
    reshapeByShape: (g) => {
      const { name, dims } = g.value() as Value;
      const shape = g.inner('Shape', [name]);
      const cut = g.inner('Slice', [shape, g.ints(0), g.ints(1), g.ints(0)]);
      g.add(
        'Reshape',
        [name, g.inner('Concat', [cut, g.ints(-1)], { axis: 0 })],
        [dims[0] as Dim, merged(dims.slice(1))],
      );
    },
    slice: (g) => {
      const value = g.value() as Value;
      const axis = g.axis(value);
      const { size, rows } = value.dims[axis] as Dim;
      const [start, end, stride] = g.pick([
        [0, 2 ** 31 - 1, 1],
        [0, 1, 1],
        [-1, 2 ** 31 - 1, 1],
        [-1, -(2 ** 31), -1],
      ] as const);
      const whole = start === 0 && end > 1;
      const after = whole || stride === -1 ? { size, rows } : dim(1);
      g.add(
        'Slice',
        [value.name, g.ints(start), g.ints(end), g.ints(axis), g.ints(stride)],
        replaced(value.dims, axis, after),
      );
    },
    gather: (g) => {
      const value = g.value() as Value;
      const axis = g.axis(value);
      const flat = g.chance(0.5);
      const index = g.constant(flat ? scalar(0) : { type: 'int64', shape: [2], values: [0, -1] });
      g.add('Gather', [value.name, index], flat ? without(value.dims, axis) : replaced(value.dims, axis, dim(2)), {
        axis,
      });
    },
    embed: (g) => {
      const value = g.value() as Value;
      const test = g.inner('Greater', [value.name, g.weights(1)]);
      const index = g.inner('Cast', [test], { to: 7 });
      if (value.dims.length < 4) g.add('Gather', [g.weights(2, 3), index], [...value.dims, dim(3)]);
    },
    concat: (g) => {
      const value = g.value() as Value;
      const axis = g.axis(value);
      const { size, rows } = value.dims[axis] as Dim;
      g.add('Concat', [value.name, value.name], replaced(value.dims, axis, { size: size * 2, rows }), { axis });
    },
    pad: (g) => {
      const value = g.value() as Value;
      const axis = g.axis(value);
      const pads = value.dims.map((_, other) => (other === axis ? 1 : 0));
      const { size, rows } = value.dims[axis] as Dim;
      if (!rows || g.chance(0.2))
        g.add(
          'Pad',
          [value.name, g.ints(...pads, ...pads.map(() => 0))],
          replaced(value.dims, axis, rows ? dim(0) : dim(size + 1)),
        );
    },
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
    topK: (g) => {
      const value = g.value() as Value;
      const axis = g.axis(value);
      const name = g.name();
      g.nodes.push(node('TopK', [value.name, g.ints(1)], [name, ''], { axis }));
      g.values.push({ name, dims: replaced(value.dims, axis, dim(1)) });
    },
    cumulate: (g) => {
      const value = g.value() as Value;
      g.add('CumSum', [value.name, g.constant(scalar(g.axis(value)))], value.dims, { reverse: g.below(2) });
    },
    zeros: (g) => {
      const value = g.value() as Value;
      const zeros = g.inner('ConstantOfShape', [g.inner('Shape', [value.name])], {
        value: { tensor: floats([1], [0.5]) },
      });
      g.add('Add', [zeros, value.name], value.dims);
    },
    expandTo: (g) => {
      const value = g.value() as Value;
      const spread = g.inner('Expand', [g.weights(1), g.inner('Shape', [value.name])]);
      g.values.push({ name: spread, dims: value.dims });
    },
    count: (g) => {
      const value = g.value() as Value;
      const which = g.axis(value);
      const one = g.inner('Gather', [g.inner('Shape', [value.name]), g.ints(which)]);
      g.add('Div', [value.name, g.inner('Cast', [one], { to: 1 })], value.dims);
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
    quantise: (g) => {
      const value = g.value() as Value;
      if (g.chance(0.85)) return;
      const [q, scale, zero] = [g.name(), g.name(), g.name()];
      g.nodes.push(node('DynamicQuantizeLinear', [value.name], [q, scale, zero]));
      g.add('DequantizeLinear', [q, scale, zero], value.dims);
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
}

function fits(own: Dim, other: Dim): boolean {
  return (own.size === 1 && !own.rows) || (own.size === other.size && own.rows === other.rows);
}

function wider(a: Dim, b: Dim): Dim {
  return a.size === 1 && !a.rows ? b : a;
}

function merged(dims: readonly Dim[]): Dim {
  return { size: dims.reduce((product, { size }) => product * size, 1), rows: dims.some(({ rows }) => rows) };
}

export const RANDOM_STEPS: readonly RandomStep[] = Object.values(steps());
