import { floats, scalar } from '../support/onnx-writer.js';
import { dim, type Dim, merged, type RandomStep, replaced, type Value, without } from './random-graph.js';

/** Other shapes, and parts. */
export const RANDOM_SHAPES: Readonly<Record<string, RandomStep>> = {
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
};
