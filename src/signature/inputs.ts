import { didYouMean } from '../common/did-you-mean.js';
import { type SourcePath } from '../common/source-file.js';
import { type DataType, describeTensor, type TensorInfo } from '../inference/tensor.js';
import { type Column, compileArray, compileColumn, lengthsIn, type Row, type Write } from './columns.js';
import { type Feature } from './feature.js';
import { type ColumnSpec, type SignatureSpec } from './signature-file.js';
import { fitShape, type RowDimension } from './tensor-shape.js';

/** Which features fill which graph input, and how. */
export interface InputPlan {
  /** Names of the features that some input takes. */
  used: Set<string>;
  /** One entry for each use of a feature as it is: the limits that its schema takes from the tensor. */
  uses: { feature: Feature; info: TensorInfo; lengths: (number | undefined)[] }[];
  encoders: InputEncoder[];
}

/** Turns rows into one graph input. */
export interface InputEncoder {
  name: string;
  type: DataType;
  /** The input's dimensions after the batch axis; those that vary from row to row are read from the row. */
  dims: readonly RowDimension[];
  /** Writes the rows' elements, row-major. */
  write: Write;
  /** The lengths of the row's nested array; only where some dimension varies. */
  lengthsOf?: (row: Row) => number[];
}

type Fail = (path: SourcePath, message: string) => Error;

/**
 * Plans how features fill the graph's inputs.
 *
 * @param fail makes the error that names the line of signature.yaml
 */
export function planInputs(
  graphInputs: readonly TensorInfo[],
  features: ReadonlyMap<string, Feature>,
  spec: SignatureSpec['inputs'],
  fail: Fail,
): InputPlan {
  const plan: InputPlan = { used: new Set(), uses: [], encoders: [] };
  const assigned = spec ? checkNames(graphInputs, spec, fail) : assignByName(graphInputs, features, fail);
  for (const info of graphInputs) {
    const columns = assigned.get(info.name);
    if (columns === undefined)
      throw fail(['inputs'], `nothing fills the graph's input "${info.name}" ${describeTensor(info)}`);
    if (info.shape.length === 0)
      throw fail(['inputs', info.name], 'has no batch axis in the graph, so rows cannot fill it');
    plan.encoders.push(planInput(info, columns, features, plan, fail));
  }
  for (const name of features.keys()) {
    if (!plan.used.has(name)) throw fail(['features', 'properties', name], 'no input uses this feature');
  }
  return plan;
}

/** Names of the features that inputs take. */
export function featuresIn(inputs: NonNullable<SignatureSpec['inputs']>): string[] {
  return Object.values(inputs).flatMap((columns) => [columns].flat().map(featureOf));
}

function featureOf(column: ColumnSpec): string {
  return typeof column === 'string' ? column : 'oneHot' in column ? column.oneHot : column.ordinal;
}

function checkNames(graphInputs: readonly TensorInfo[], spec: NonNullable<SignatureSpec['inputs']>, fail: Fail) {
  const names = graphInputs.map(({ name }) => name);
  for (const name of Object.keys(spec)) {
    if (!names.includes(name))
      throw fail(
        ['inputs', name],
        `the graph has no such input${didYouMean(name, names)} (it has ${names.join(', ')})`,
      );
  }
  return new Map(Object.entries(spec));
}

/** Inputs take the features of their names; else a lone input takes all features in order. */
function assignByName(graphInputs: readonly TensorInfo[], features: ReadonlyMap<string, Feature>, fail: Fail) {
  if (graphInputs.every(({ name }) => features.has(name)))
    return new Map<string, ColumnSpec>(graphInputs.map(({ name }) => [name, name]));
  const [only, ...others] = graphInputs;
  if (!only || others.length > 0) {
    const inputs = graphInputs.map(({ name }) => name).join(', ');
    throw fail(['features'], `add \`inputs\`: say which features fill each of the graph's inputs (${inputs})`);
  }
  const all = [...features.values()];
  const [first] = all;
  const isArray = first !== undefined && all.length === 1 && first.shape.length > 0;
  return new Map<string, ColumnSpec | ColumnSpec[]>([[only.name, isArray ? first.name : all.map(({ name }) => name)]]);
}

function planInput(
  info: TensorInfo,
  spec: ColumnSpec | ColumnSpec[],
  features: ReadonlyMap<string, Feature>,
  plan: InputPlan,
  fail: Fail,
): InputEncoder {
  const columns: Column[] = [];
  for (const [index, column] of [spec].flat().entries()) {
    const path = ['inputs', info.name, ...(Array.isArray(spec) ? [index] : [])];
    const name = featureOf(column);
    const feature = features.get(name);
    if (!feature) throw fail(path, `there is no feature "${name}"${didYouMean(name, features.keys())}`);
    try {
      if (column === spec && typeof column === 'string' && feature.shape.length > 0)
        return arrayInput(info, feature, plan);
      columns.push(compileColumn(column, feature, info.type));
    } catch (error) {
      throw fail(path, (error as Error).message);
    }
    plan.used.add(name);
    // A one-hot or ordinal column holds 0, 1, 2, …: the tensor's range says nothing of the enum's own values.
    if (typeof column === 'string') plan.uses.push({ feature, info, lengths: [] });
  }
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const match = fitShape([width], info.shape.slice(1));
  if (!match)
    throw fail(['inputs', info.name], `makes ${String(width)} columns, and the graph takes ${describeTensor(info)}`);
  return { name: info.name, type: info.type, dims: match.dims, write: writeAll(columns) };
}

function writeAll(columns: readonly Column[]): Write {
  return (rows, data, offset, stride) => {
    for (const { write, width } of columns) {
      write(rows, data, offset, stride);
      offset += width;
    }
  };
}

function arrayInput(info: TensorInfo, feature: Feature, plan: InputPlan): InputEncoder {
  const match = fitShape(feature.shape, info.shape.slice(1));
  if (!match) {
    const lengths = feature.shape.map((length) => length ?? '?').join('×');
    throw new Error(`"${feature.name}" is ${lengths}, and the graph takes ${describeTensor(info)}`);
  }
  plan.used.add(feature.name);
  plan.uses.push({ feature, info, lengths: match.lengths });
  const varies = match.dims.some((dim) => typeof dim !== 'number');
  const write = compileArray(feature, info.type);
  return {
    name: info.name,
    type: info.type,
    dims: match.dims,
    write,
    ...(varies && { lengthsOf: lengthsIn(feature) }),
  };
}

/** The input's dimensions after the batch axis, for rows shaped like this one. */
export function rowDims({ dims, lengthsOf }: InputEncoder, row: Row): readonly number[] {
  if (!lengthsOf) return dims as readonly number[];
  const lengths = lengthsOf(row);
  return dims.map((dim) => (typeof dim === 'number' ? dim : (lengths[dim.ofFeature] ?? 0)));
}
