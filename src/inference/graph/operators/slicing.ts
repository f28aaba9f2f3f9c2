import { equal, known, literal, type Size } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { isCounted, isRows, refuse, type Value } from '../value.js';
import { MAX_ELEMENTS } from './arithmetic.js';

/** Exporters write the greatest integer of 32 or 64 bits for "to the end", or a thousand millions. */
const END = 1e9;

type Element = Size | undefined;

interface Cut {
  axis: number;
  start: Element;
  end: Element;
  stride: Element;
}

/** Cuts along axes that are not the batch, or all of the batch. */
function slice(step: Step): Value[] {
  const { elements } = step.input(0);
  const dims = [...step.dims(0)];
  const cuts = readCuts(step, dims.length);
  for (const cut of cuts) dims[cut.axis] = cutSize(dims[cut.axis] as Size, cut, step);
  if (!elements) return [{ dims }];
  const [cut] = cuts;
  const places = cut && dims.length === 1 ? placesOf(elements.length, cut) : undefined;
  if (!places && isCounted(step.input(0))) refuse('computes with the number of rows');
  return [{ dims, elements: places?.map((place) => elements[place]) }];
}

/** Attributes before opset 10, inputs since. */
function readCuts(step: Step, rank: number): Cut[] {
  const old = step.version < 10;
  const starts = old ? step.ints('starts')?.map(literal) : bounds(step, 1);
  const ends = old ? step.ints('ends')?.map(literal) : bounds(step, 2);
  const axes = old ? step.ints('axes') : step.numbers(3, 'its axes');
  const strides = !old && step.inputs[4] ? bounds(step, 4) : undefined;
  if (!starts || !ends) return refuse('lacks its bounds');
  const cuts = starts.map((start, index) => ({
    axis: fromFront(axes?.[index] ?? index, rank),
    start,
    end: ends[index],
    stride: strides ? strides[index] : literal(1),
  }));
  return new Set(cuts.map(({ axis }) => axis)).size === cuts.length ? cuts : refuse('cuts an axis twice');
}

function bounds(step: Step, index: number): readonly Element[] {
  const value = step.input(index);
  if (isRows(value)) refuse('takes its bounds from the batch');
  const count = known(value.dims?.[0]) ?? refuse('takes its bounds from values that are not followed');
  if (count > MAX_ELEMENTS) refuse('has too many bounds');
  return value.elements ?? new Array<undefined>(count).fill(undefined);
}

function cutSize(size: Size, { axis, start, end, stride }: Cut, step: Step): Size {
  const whole = known(start) === 0 && known(stride) === 1 && end && ((known(end) ?? 0) >= END || equal(end, size));
  if (whole) return size;
  if (size.batch) refuse(`cuts axis ${axis}, the batch`);
  if ([start, end, stride].some((element) => element?.batch)) refuse('cuts by the number of rows');
  const length = known(size);
  const places = length === undefined ? undefined : countPlaces(length, { axis, start, end, stride });
  return places === undefined ? step.fresh() : literal(places);
}

/** As numpy: negative bounds count from the end, and all are brought into range. */
function range(length: number, { start, end, stride }: Cut): [from: number, to: number, by: number] | undefined {
  const [first, last, by] = [known(start), known(end), known(stride)];
  if (first === undefined || last === undefined || !by) return undefined;
  const [least, most] = by > 0 ? [0, length] : [-1, length - 1];
  const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + length : bound, least), most);
  return [clamp(first), clamp(last), by];
}

function countPlaces(length: number, cut: Cut): number | undefined {
  const bounds = range(length, cut);
  return bounds && Math.max(0, Math.ceil((bounds[1] - bounds[0]) / bounds[2]));
}

function placesOf(length: number, cut: Cut): number[] | undefined {
  const bounds = range(length, cut);
  const count = countPlaces(length, cut);
  return bounds && Array.from({ length: count ?? 0 }, (_, index) => bounds[0] + index * bounds[2]);
}

export const SLICING: OperatorTable = {
  Slice: { rule: slice, counts: [0, 1, 2] },
};
