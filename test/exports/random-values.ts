import { node, scalar } from '../support/onnx-writer.js';
import { dim, type Dim, fits, type RandomStep, replaced, type Value, wider, without } from './random-graph.js';

/** Values by themselves, or along an axis. */
export const RANDOM_VALUES: Readonly<Record<string, RandomStep>> = {
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
  embed: (g) => {
    const value = g.value() as Value;
    const test = g.inner('Greater', [value.name, g.weights(1)]);
    const index = g.inner('Cast', [test], { to: 7 });
    if (value.dims.length < 4) g.add('Gather', [g.weights(2, 3), index], [...value.dims, dim(3)]);
  },
  quantise: (g) => {
    const value = g.value() as Value;
    if (g.chance(0.85)) return;
    const [q, scale, zero] = [g.name(), g.name(), g.name()];
    g.nodes.push(node('DynamicQuantizeLinear', [value.name], [q, scale, zero]));
    g.add('DequantizeLinear', [q, scale, zero], value.dims);
  },
  count: (g) => {
    const value = g.value() as Value;
    const which = g.axis(value);
    const one = g.inner('Gather', [g.inner('Shape', [value.name]), g.ints(which)]);
    g.add('Div', [value.name, g.inner('Cast', [one], { to: 1 })], value.dims);
  },
};
