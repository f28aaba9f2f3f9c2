import { ONE, type Size } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { isFixed, isMixed, isPlain, refuse, type Tracked, type Value } from '../value.js';
import { replaceAxis, requireOff } from './axes.js';
import { repeat } from './repetition.js';

/** The results of all rounds, one after the other along a new axis. */
function stack(value: Tracked, axis: number, rounds: Size): Tracked {
  if (isMixed(value)) return value;
  if (!isPlain(value)) refuse('stacks what cannot be followed');
  const dims = value.dims ?? refuse('stacks values of an unknown number of dimensions');
  const at = fromFront(axis, dims.length + 1);
  return { dims: [...dims.slice(0, at), rounds, ...dims.slice(at)] };
}

/** The condition has the shape that the round before gave it. */
const CONDITION: Value = { dims: undefined };

/** A condition and a number of rounds that no row has a say in; carried values; stacked results. */
function loop(step: Step): Tracked[] {
  step.fixed(0, 'its number of rounds');
  step.fixed(1, 'its condition');
  const initial = step.inputs.slice(2).map((_, index) => step.input(index + 2));
  const outputs = repeat(
    initial,
    (carried) => {
      const [condition, ...rest] = step.follow('body', [undefined, CONDITION, ...carried]);
      if (!condition || (!isMixed(condition) && !isFixed(condition))) refuse('goes on until the rows say so');
      return isMixed(condition) ? rest.map(() => condition) : rest;
    },
    step,
  );
  const rounds = step.fresh();
  return outputs.map((value, index) => (index < initial.length ? value : stack(value, 0, rounds)));
}

/** Goes along an axis of its inputs, which must not be the batch. */
function scan(step: Step): Tracked[] {
  if (step.version < 9) refuse('is of an old form');
  const scanned = step.int('num_scan_inputs', 0);
  const states = step.inputs.length - scanned;
  const initial = step.inputs.slice(0, states).map((_, index) => step.input(index));
  const axes = step.ints('scan_input_axes') ?? [];
  const slices = Array.from({ length: scanned }, (_, index) => sliceOf(step, states + index, axes[index] ?? 0));
  const [first] = slices;
  if (!first) return refuse('has nothing to go along');
  const outputs = repeat(
    initial,
    (carried) => step.follow('body', [...carried, ...slices.map(({ value }) => value)]),
    step,
  );
  const outputAxes = step.ints('scan_output_axes') ?? [];
  return outputs.map((value, index) =>
    index < states ? value : stack(value, outputAxes[index - states] ?? 0, first.rounds),
  );
}

function sliceOf(step: Step, index: number, axis: number): { value: Value; rounds: Size } {
  const dims = step.dims(index);
  const along = requireOff(step.input(index), fromFront(axis, dims.length), 'goes along');
  return { value: { dims: replaceAxis(dims, along) }, rounds: dims[along] ?? ONE };
}

export const LOOPS: OperatorTable = {
  Loop: { rule: loop, forgets: true, unfixed: true },
  Scan: { rule: scan, forgets: true, unfixed: true },
};
