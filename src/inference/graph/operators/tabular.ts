import { equal, literal, ONE, product, type Size } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { batchAxis, isFixed, isRows, refuse, type Tracked, type Value } from '../value.js';
import { replaceAxis, requireAligned, requireRowsFirst } from './axes.js';

/**
 * Rows of features, as the operators of `ai.onnx.ml` take them. Given one dimension only, most of them would take
 * the whole of it for the features of a single row.
 */
function table(step: Step, index = 0): readonly [rows: Size, features: Size] {
  const [rows, features] = requireRowsFirst(step.input(index), (rank) => rank === 2);
  return rows && features ? [rows, features] : refuse('takes what is not a table');
}

/** Each feature by itself, or with the other features of its row. */
function byFeature(step: Step): Value[] {
  return [{ dims: table(step) }];
}

/** Each entry by itself. */
function byEntry(step: Step): Value[] {
  return [{ dims: step.dims(0) }];
}

function linearRegressor(step: Step): Value[] {
  const [rows] = table(step);
  return [{ dims: [rows, literal(step.int('targets', 1))] }];
}

function linearClassifier(step: Step): Value[] {
  const [rows] = table(step);
  const scores = step.count('intercepts', 'floats');
  const columns = scores === 1 && listed(step, 'classlabels_strings', 'classlabels_ints') === 2 ? 2 : scores;
  return [{ dims: [rows] }, { dims: [rows, columns === 0 ? step.fresh() : literal(columns)] }];
}

/** How many there are in the one of two lists that is not empty. */
function listed(step: Step, texts: string, integers: string): number {
  const count = step.texts(texts)?.length ?? 0;
  return count > 0 ? count : step.count(integers, 'ints');
}

/**
 * The runtime refuses trees that ask for features that a row does not have, support vectors of another length, and
 * places out of range: versions before 1.30 read on, into the next row.
 */
function treeRegressor(step: Step): Value[] {
  const [rows] = table(step);
  return [{ dims: [rows, literal(step.int('n_targets', 1))] }];
}

function treeClassifier(step: Step): Value[] {
  const [rows] = table(step);
  const labels = listed(step, 'classlabels_strings', 'classlabels_int64s');
  return [{ dims: [rows] }, { dims: [rows, labels > 0 ? literal(labels) : step.fresh()] }];
}

function vectorRegressor(step: Step): Value[] {
  const [rows] = table(step);
  return [{ dims: [rows, ONE] }];
}

function vectorClassifier(step: Step): Value[] {
  const [rows] = table(step);
  return [{ dims: [rows] }, { dims: [rows, step.fresh()] }];
}

/** The rows of several tables side by side. */
function featureVectorizer(step: Step): Value[] {
  const tables = step.inputs.map((_, index) => table(step, index));
  requireAligned(step.inputs.map((_, index) => step.input(index)));
  const widths = step.ints('inputdimensions') ?? refuse('lacks the sizes of its parts');
  const [first] = tables;
  return first
    ? [{ dims: [first[0], literal(widths.reduce((sum, width) => sum + width, 0))] }]
    : refuse('lacks an input');
}

/** Each category becomes a row of flags, along an axis of its own. */
function oneHotEncoder(step: Step): Value[] {
  return [{ dims: [...step.dims(0), literal(listed(step, 'cats_strings', 'cats_int64s'))] }];
}

/** Picks along the last axis: features of rows, or entries of a list for places that rows give. */
function arrayFeatureExtractor(step: Step): Value[] {
  const [dims, places] = [step.dims(0), step.input(1)];
  const last = dims.length - 1;
  const count = product(step.dims(1));
  if (!isRows(step.input(0))) return [{ dims: picked(step, dims, count) }];
  if (!isFixed(places)) refuse('takes from each row what other rows say');
  if (batchAxis(step.input(0)) === last) refuse(`picks entries of axis ${last}, the batch`);
  return [{ dims: replaceAxis(dims, last, count ?? step.fresh()) }];
}

/** From a list that all rows share: [1, places], row after row if the places are. */
function picked(step: Step, dims: readonly Size[], count: Size | undefined): readonly Size[] {
  const places = step.input(1);
  const before = product(step.dims(1).slice(0, Math.max(0, batchAxis(places))));
  if (isRows(places) && !(dims.length === 1 && count && before && equal(before, ONE))) refuse('may regroup the rows');
  const size = count ?? step.fresh();
  return dims.length === 1 ? [ONE, size] : replaceAxis(dims, dims.length - 1, size);
}

/** A map for each row, in a list: nobody fetches those, as tensors they are not. */
function zipMap(step: Step): Tracked[] {
  table(step);
  return [step.mixed('gives maps instead of a tensor')];
}

export const TABULAR: OperatorTable = {
  ArrayFeatureExtractor: { rule: arrayFeatureExtractor },
  Binarizer: { rule: byEntry },
  CategoryMapper: { rule: byEntry },
  FeatureVectorizer: { rule: featureVectorizer },
  Imputer: { rule: byFeature },
  LabelEncoder: { rule: byEntry },
  LinearClassifier: { rule: linearClassifier },
  LinearRegressor: { rule: linearRegressor },
  Normalizer: { rule: byFeature },
  OneHotEncoder: { rule: oneHotEncoder },
  SVMClassifier: { rule: vectorClassifier },
  SVMRegressor: { rule: vectorRegressor },
  Scaler: { rule: byFeature },
  TreeEnsemble: { rule: treeRegressor },
  TreeEnsembleClassifier: { rule: treeClassifier },
  TreeEnsembleRegressor: { rule: treeRegressor },
  ZipMap: { rule: zipMap },
};
