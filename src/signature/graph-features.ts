import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { SourceProblem } from '../common/source-file.js';
import { type TensorInfo } from '../inference/tensor.js';
import { type FeaturesSource } from './features.js';

/**
 * The row's schema that a graph itself tells, when each of its inputs is a column (`[N,1]`): the inputs are the
 * features, all required.
 *
 * @returns undefined where some input is not a column
 */
export function featuresOfGraph(inputs: readonly TensorInfo[]): FeaturesSource | undefined {
  if (inputs.length === 0 || !inputs.every(isColumn)) return undefined;
  const properties = Object.fromEntries(
    inputs.map(({ name, type }): [string, JsonSchema] => [name, { type: jsonType(type) }]),
  );
  return {
    schema: { type: 'object', additionalProperties: false, required: inputs.map(({ name }) => name), properties },
    problem: (path, message) =>
      new SourceProblem(`model.onnx: ${path.at(-1) === undefined ? '' : `input "${String(path.at(-1))}" `}${message}`),
  };
}

function isColumn({ name, shape }: TensorInfo): boolean {
  const [rows, width, ...more] = shape;
  return name !== '__proto__' && (typeof rows === 'string' || rows === 1) && width === 1 && more.length === 0;
}

function jsonType(type: TensorInfo['type']): string {
  if (type === 'string') return 'string';
  if (type === 'bool') return 'boolean';
  return type.startsWith('float') ? 'number' : 'integer';
}
