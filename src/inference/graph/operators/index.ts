import { type Operator, type OperatorTable } from '../step.js';
import { BRANCHES } from './branches.js';
import { CONSTANTS } from './constants.js';
import { ELEMENTWISE } from './elementwise.js';
import { EXPANSION } from './expansion.js';
import { FUSED } from './fused.js';
import { GATHERING } from './gathering.js';
import { IMAGES } from './images.js';
import { JOINING } from './joining.js';
import { LOOPS } from './loops.js';
import { MIXING } from './mixing.js';
import { NORMALISATION } from './normalisation.js';
import { PRODUCTS } from './products.js';
import { QUANTISATION } from './quantisation.js';
import { RECURRENT } from './recurrent.js';
import { REDUCTION } from './reduction.js';
import { SHAPES } from './shapes.js';
import { SLICING } from './slicing.js';
import { TABULAR } from './tabular.js';
import { TEXT } from './text.js';
import { WINDOWS } from './windows.js';

/** The operators of one domain, and the versions of it whose meaning is known here. */
interface Domain {
  operators: OperatorTable;
  oldest: number;
  newest: number;
}

const DOMAINS: ReadonlyMap<string, Domain> = new Map([
  [
    '',
    {
      // Before version 7, operators broadcast by attributes of their own.
      oldest: 7,
      newest: 25,
      operators: {
        ...BRANCHES,
        ...CONSTANTS,
        ...keepingOuter(ELEMENTWISE),
        ...EXPANSION,
        ...keepingOuter(GATHERING),
        ...IMAGES,
        ...JOINING,
        ...LOOPS,
        ...MIXING,
        ...keepingOuter(NORMALISATION),
        ...keepingOuter(PRODUCTS),
        ...keepingOuter(QUANTISATION),
        ...RECURRENT,
        ...keepingOuter(REDUCTION),
        ...SHAPES,
        ...keepingOuter(SLICING),
        ...TEXT,
        ...WINDOWS,
      },
    },
  ],
  ['ai.onnx.ml', { operators: TABULAR, oldest: 1, newest: 5 }],
  ['com.microsoft', { operators: FUSED, oldest: 1, newest: 1 }],
]);

/** Operators that do the same to every entry along the batch axis. */
function keepingOuter(operators: OperatorTable): OperatorTable {
  return Object.fromEntries(
    Object.entries(operators).map(([name, operator]) => [name, { ...operator, outer: 'kept' }]),
  );
}

/** Undefined where the operator is not known to keep rows apart, at least not in that version. */
export function findOperator(domain: string, name: string, version: number): Operator | undefined {
  const known = DOMAINS.get(domain);
  if (!known || version < known.oldest || version > known.newest) return undefined;
  return Object.hasOwn(known.operators, name) ? known.operators[name] : undefined;
}
