import { Analysis } from './analysis.js';
import { type OnnxModel } from './onnx-file.js';
import { type OnnxValue } from './onnx-graph.js';
import { equal, literal, N, type Size, symbol } from './size.js';
import { nameOf } from './step.js';
import {
  type Blame,
  batchAxis,
  batchSize,
  describeDims,
  isMixed,
  Refusal,
  refuse,
  type Tracked,
  Unproven,
  type Value,
} from './value.js';
import { OnnxFileProblem } from './limits.js';

/** Whether a model treats the rows of its batch independently, or where the proof of it fails. */
export type BatchProof =
  | { independent: true }
  /** `reason` is the whole line; node and operator are empty where no single node is to blame. */
  | { independent: false; node: string; operator: string; reason: string };

/**
 * Proves from the graph that row i of each output depends on row i of the inputs alone, where a row is an entry
 * along axis 0: not on other rows, on how many there are, or on their order. Rows of different requests may then
 * share one run. The proof holds for rows that have at least one entry along every axis.
 *
 * What is not proven may be independent all the same: operators are believed only where they are known.
 *
 * @param outputs the outputs that are asked for; by default all that are tensors, as no other can be fetched
 */
export function proveRowsIndependent(model: OnnxModel, outputs?: readonly string[]): BatchProof {
  try {
    const values = new Analysis(model).run(inputRows(model));
    const asked = outputs ?? model.graph.outputs.filter(({ kind }) => kind === 'tensor').map(({ name }) => name);
    if (asked.length === 0) return failure('the model has no output that is a tensor');
    for (const name of asked) {
      const problem = checkOutput(model, name, values.get(name));
      if (problem) return problem;
    }
    return { independent: true };
  } catch (error) {
    if (error instanceof Unproven) return blamed(error.blame);
    if (error instanceof Refusal || error instanceof OnnxFileProblem) return failure(error.message);
    // A graph so odd that it breaks the analysis is not proven; a model must not fail to load for it.
    return failure(`the graph cannot be followed (${String(error)})`);
  }
}

/** Every input that is fed has the rows along axis 0. One with an initializer is optional, and is never fed. */
function inputRows({ graph }: OnnxModel): Map<string, Value> {
  const fed = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  if (fed.length === 0) refuse('the model has no input');
  return new Map(fed.map((input) => [input.name, { dims: rowDims(input) }]));
}

function rowDims({ name, kind, shape }: OnnxValue): Size[] {
  if (kind !== 'tensor') refuse(`input "${name}" is not a tensor`);
  if (!shape) return refuse(`input "${name}" has an unknown number of dimensions`);
  const [batch, ...rest] = shape;
  if (batch === undefined) refuse(`input "${name}" is a single value, without rows`);
  if (typeof batch === 'number') return refuse(`the first dimension of input "${name}" is fixed at ${batch}`);
  if (batch && rest.includes(batch)) refuse(`input "${name}" has the batch, "${batch}", in two dimensions`);
  const known = (size: number | string) => typeof size === 'number' && size > 0;
  return [N, ...rest.map((size, axis) => (known(size) ? literal(size as number) : symbol(`${name}:${axis + 1}`)))];
}

function checkOutput(model: OnnxModel, name: string, value: Tracked | undefined): BatchProof | undefined {
  if (!value) return failure(`the model has no output "${name}"`);
  if (isMixed(value)) return blamed(value.mixed);
  const writer = model.graph.nodes.find(({ outputs }) => outputs.includes(name));
  const reason = whyNotRows(name, value);
  if (!reason) return undefined;
  return writer ? blamed({ node: nameOf(writer), operator: writer.operator, reason }) : failure(reason);
}

function whyNotRows(name: string, value: Value): string | undefined {
  const axis = batchAxis(value);
  if (axis < 0) return `gives one "${name}" for all rows together`;
  if (axis > 0) return `leaves the rows along axis ${axis} of "${name}", ${describeDims(value.dims ?? [])}`;
  if (value.padding !== undefined) return `fills the texts of "${name}" up to the longest of the batch`;
  return equal(batchSize(value) ?? N, N) ? undefined : `gives several entries of "${name}" for each row`;
}

function blamed({ node, operator, reason }: Blame): BatchProof {
  return { independent: false, node, operator, reason: `node "${node}", operator ${operator}: ${reason}` };
}

function failure(reason: string): BatchProof {
  return { independent: false, node: '', operator: '', reason };
}
