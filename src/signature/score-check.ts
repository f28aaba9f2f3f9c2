import { type SourcePath } from '../common/source-file.js';
import { type Tensor, type TensorInfo, type Tensors } from '../inference/tensor.js';
import { numberAt } from './elements.js';
import { type OutputSpec } from './signature-file.js';

/** Rounding may take a probability so far beyond 0 or 1, and the sum of them so far from 1. */
const RANGE_TOLERANCE = 1e-5;
const SUM_TOLERANCE = 1e-3;
/**
 * A row speaks of the order of the classes where its best score is so far above that of the graph's own label. Some
 * right exports disagree on close rows: scikit-learn's SVC(probability=True) makes its labels and its probabilities in
 * two ways, which differed by up to 0.15 on one random row in five.
 */
const CLEAR = 0.2;

/** What a version's own answers say of its signature, while it is checked. */
export interface ScoreCheck {
  /** The outputs that it looks at besides the scores: the label, where the graph has one. */
  fetches: readonly string[];
  /** @throws SourceProblem when the row's scores are no probabilities, or the graph's own label contradicts `classes` */
  row: (outputs: Tensors, row: number) => void;
}

type Fail = (path: SourcePath, message: string) => Error;

/**
 * Finds what a graph's metadata cannot tell, and every client would be served without a word: logits in place of
 * probabilities, and classes listed in another order than the columns.
 *
 * @param columns scores of a row; one is the probability of the second class
 */
export function planScoreCheck(
  graphOutputs: readonly TensorInfo[],
  scores: TensorInfo,
  columns: number,
  classes: readonly string[],
  spec: OutputSpec,
  fail: Fail,
): ScoreCheck {
  const labels = graphOutputs.filter(isLabel);
  const label = labels.length === 1 ? labels[0] : undefined; // of several, any may mean something else
  const checkLabel = label && labelCheck(label, classes, spec, fail);
  return {
    fetches: label ? [label.name] : [],
    row: (outputs, row) => {
      const tensor = outputs.get(scores.name) as Tensor;
      const values = Array.from({ length: columns }, (_, column) =>
        numberAt(tensor, row * columns + column, scores.name),
      );
      checkRange(values, scores.name, fail);
      const [second = 0] = values;
      checkLabel?.(outputs, row, columns === 1 ? [1 - second, second] : values);
    },
  };
}

/** The class that a classifier itself gives for each row: int64 or string, `[N]` or `[N,1]`; some say 1 for N. */
function isLabel({ type, shape }: TensorInfo): boolean {
  const [rows, width = 1, ...more] = shape;
  const byRow = (typeof rows === 'string' || rows === 1) && width === 1 && more.length === 0;
  return byRow && (type === 'int64' || type === 'string');
}

function checkRange(values: readonly number[], name: string, fail: Fail): void {
  if (values.some((value) => value < -RANGE_TOLERANCE || value > 1 + RANGE_TOLERANCE)) {
    throw fail(
      ['scores'],
      `"${name}" gives values outside 0 to 1: logits or decision values; export it with a softmax or sigmoid, or set \`task: raw\``,
    );
  }
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.length > 1 && Math.abs(sum - 1) > SUM_TOLERANCE) {
    throw fail(
      ['scores'],
      `the columns of "${name}" do not sum to 1 (but to ${sum.toFixed(4)}): export it with a softmax, or set \`task: raw\` where several classes may hold at once`,
    );
  }
}

function labelCheck({ name }: TensorInfo, classes: readonly string[], spec: OutputSpec, fail: Fail) {
  const remedy = 'list `classes` in the order of the columns (in scikit-learn, that of classes_)';
  /** Where labels are numbers and classes have other names: the column that was the best for each label. */
  const columnOf = new Map<number, number>();
  return (outputs: Tensors, row: number, scores: readonly number[]): void => {
    const value = (outputs.get(name) as Tensor).data[row];
    const best = scores.indexOf(Math.max(...scores));
    const named = classes.indexOf(String(value));
    if (named !== -1) {
      if (named === best || (scores[best] as number) - (scores[named] as number) < CLEAR) return;
      if (named === byThreshold(scores, spec)) return;
      throw fail(
        ['classes'],
        `where the graph's own "${name}" says "${String(value)}", \`classes\`${spec.classes ? ' makes' : ', which is not given, makes'} it "${classes[best] ?? ''}": ${remedy}`,
      );
    }
    if (typeof value !== 'bigint' || value < 0 || value >= classes.length) return;
    const others = scores.filter((_, column) => column !== best);
    if ((scores[best] as number) - Math.max(...others) < CLEAR) return;
    // Labels may be counted from 1, or from -1: only their order is known, which is that of the columns.
    const number = Number(value);
    columnOf.set(number, best);
    for (const [other, column] of columnOf) {
      if (Math.sign(other - number) === Math.sign(column - best)) continue;
      throw fail(
        ['scores'],
        `the columns stand in another order than the numbers of the graph's own "${name}" (${String(other)} is column ${String(column)}, ${String(number)} is column ${String(best)}): export them in the same order`,
      );
    }
  };
}

/** A label may be made by a threshold other than one half, which the author then gives here too. */
function byThreshold([, second = 0]: readonly number[], { task, threshold, positive = 1 }: OutputSpec) {
  if (task !== 'binary' || threshold === undefined) return undefined;
  const probability = positive === 1 ? second : 1 - second;
  return probability >= threshold ? positive : 1 - positive;
}
