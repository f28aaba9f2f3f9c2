import { type DataType } from '../../tensor.js';
import { type OnnxTensor } from '../onnx-tensor.js';
import { divide, equal, known, literal, type Size, times } from '../size.js';
import { isCounted, refuse, type Value } from '../value.js';

/** Values of more elements than this are data: nobody computes a shape with them. */
export const MAX_ELEMENTS = 128;

/**
 * What is computed with sizes must come out the same in every number type that a graph may use for it: float32
 * keeps integers up to 2^24.
 */
const MAX_RESULT = 2 ** 24;

type Element = Size | undefined;

/** The operators that exporters compute shapes with. Undefined: not known, or not a plain size. */
const COMPUTE: Readonly<Record<string, (a: Size, b: Size) => Element>> = {
  Add: (a, b) => add(a, b),
  Sub: (a, b) => add(a, { ...b, factor: -b.factor }),
  Mul: times,
  Div: divide,
  Equal: (a, b) => truth(same(a, b)),
  Max: (a, b) => compare(a, b, Math.max),
  Min: (a, b) => compare(a, b, Math.min),
  Greater: (a, b) => compare(a, b, (x, y) => Number(x > y)),
  Less: (a, b) => compare(a, b, (x, y) => Number(x < y)),
  GreaterOrEqual: (a, b) => compare(a, b, (x, y) => Number(x >= y)),
  LessOrEqual: (a, b) => compare(a, b, (x, y) => Number(x <= y)),
  And: (a, b) => compare(a, b, (x, y) => x && y),
  Or: (a, b) => compare(a, b, (x, y) => x || y),
};

/** Types that hold every size as it is, at least up to `MAX_RESULT`. */
const EXACT_TYPES: readonly (DataType | undefined)[] = ['int32', 'int64', 'float32', 'float64', 'bool'];

/** The elements of a constant, where they may be sizes. */
export function elementsOf({ type, values }: OnnxTensor): readonly Element[] | undefined {
  if (!EXACT_TYPES.includes(type) || (values?.length ?? 0) > MAX_ELEMENTS) return undefined;
  return values?.map((value) => (Number.isInteger(value) ? literal(value) : undefined));
}

/**
 * The elements of an element-wise result, where they are worth knowing.
 *
 * @throws Refusal when an operand counts rows and the result is not again a multiple of their number
 */
export function computeElements(operator: string, operands: readonly Value[]): readonly Element[] | undefined {
  const count = Math.max(...operands.map(({ elements }) => elements?.length ?? 0));
  const shaped = operands.every(({ dims, elements }) => dims && dims.length <= 1 && spreads(elements, count));
  if (!shaped || count === 0) return operands.some(isCounted) ? lost() : undefined;
  return Array.from({ length: count }, (_, index) => {
    const row = operands.map(({ elements }) => elements?.[elements.length === 1 ? 0 : index]);
    const result = operator === 'Where' ? choose(row) : compute(operator, row);
    return result ?? (row.some((element) => element?.batch) ? lost() : undefined);
  });
}

/** TensorProto's numbers of the types that hold every size as it is. */
const INT32 = 6;
const INT64 = 7;
const ROUNDED = [1, 11];

/** @throws Refusal when a count of rows would become another type than an integer one */
export function castElements(elements: readonly Element[], type: number): readonly Element[] | undefined {
  if (type === INT32 || type === INT64) return elements;
  if (elements.some((element) => element?.batch)) return lost();
  return ROUNDED.includes(type) ? elements.map(small) : undefined;
}

function spreads(elements: readonly Element[] | undefined, count: number): boolean {
  return elements !== undefined && (elements.length === 1 || elements.length === count);
}

function lost(): never {
  return refuse('computes with the number of rows');
}

function compute(operator: string, operands: readonly Element[]): Element {
  const [first, ...rest] = operands;
  if (operator === 'Neg' || operator === 'Not') return unary(operator, first);
  const combine = COMPUTE[operator];
  if (!combine || rest.length === 0) return undefined;
  return rest.reduce<Element>((a, b) => small(a && b && combine(a, b)), first);
}

function unary(operator: 'Neg' | 'Not', operand: Element): Element {
  if (operator === 'Neg') return operand && { ...operand, factor: -operand.factor };
  const value = known(operand);
  return value === undefined ? undefined : literal(Number(!value));
}

function choose([condition, yes, no]: readonly Element[]): Element {
  const value = known(condition);
  if (value !== undefined) return value ? yes : no;
  return yes && no && equal(yes, no) ? yes : undefined;
}

function small(size: Element): Element {
  return size && Math.abs(size.factor) <= MAX_RESULT ? size : undefined;
}

/** Like terms only. */
function add(a: Size, b: Size): Element {
  if (known(a) === 0) return b;
  if (known(b) === 0) return a;
  if (!equal({ ...a, factor: 1 }, { ...b, factor: 1 })) return undefined;
  const factor = a.factor + b.factor;
  return factor === 0 ? literal(0) : { ...a, factor };
}

function compare(a: Size, b: Size, how: (a: number, b: number) => number): Element {
  const [x, y] = [known(a), known(b)];
  return x === undefined || y === undefined ? undefined : literal(how(x, y));
}

/** Whether two sizes are equal in every run, or in none: dimensions are never negative, and N is never 0. */
function same(a: Size, b: Size): boolean | undefined {
  if (equal(a, b)) return true;
  const [x, y] = [known(a), known(b)];
  if (x !== undefined && y !== undefined) return false;
  return differs(a, y) || differs(b, x) ? false : undefined;
}

function differs(size: Size, number: number | undefined): boolean {
  if (number === undefined || size.factor <= 0) return false;
  return size.symbols.length === 0 ? number <= 0 : number < 0;
}

function truth(value: boolean | undefined): Element {
  return value === undefined ? undefined : literal(Number(value));
}
