import { DomainError } from '../common/errors.js';
import { type RowRequest } from './run-request.js';
import { type Graph, rowsPerRun } from './session.js';
import { copyTensor, emptyTensor, type Tensor, type Tensors } from './tensor.js';
import { type WaitingRequest } from './waiting-request.js';

/**
 * The inputs of a run for these requests, of `rows` rows together.
 *
 * @param mayBorrow whether tensors that a request brought may be taken as they are: a thread is given them for good,
 *   and the request may have to be run again
 */
export function runInputs(graph: Graph, group: readonly WaitingRequest[], rows: number, mayBorrow: boolean): Tensors {
  const tensors = tensorsOf(graph, group, rows, mayBorrow);
  return new Map(graph.inputs.map(({ name }, index) => [name, tensors[index] as Tensor]));
}

function tensorsOf(
  graph: Graph,
  group: readonly WaitingRequest[],
  rows: number,
  mayBorrow: boolean,
): readonly Tensor[] {
  const { request } = group[0] as WaitingRequest;
  if (request.inputs && group.length === 1 && mayBorrow) return request.inputs;
  if (request.key === undefined) return request.inputs.map(copyTensor);
  const { rowDims } = request;
  const tensors = graph.inputs.map(({ type }, index) =>
    emptyTensor(type, [rows, ...(rowDims[index] as readonly number[])]),
  );
  let offset = 0;
  for (const { request: one } of group as readonly { request: RowRequest }[]) {
    one.write(tensors, offset);
    offset += one.rows;
  }
  return tensors;
}

/**
 * Whether there is an answer for each row.
 *
 * @throws DomainError `inference_failed`
 */
export function checkRows(graph: Graph, outputs: Tensors, rows: number): void {
  for (const [name, { dims }] of outputs) {
    const isOfOneRow = dims.length === 0 && rowsPerRun(graph) === 1; // one row at a time, and one value for it
    if (dims[0] === rows || isOfOneRow) continue;
    const shape = `[${dims.join(',')}] for ${rows} rows`;
    throw new DomainError(
      'inference_failed',
      `The model's output "${name}" has no value for each row (its shape is ${shape}).`,
    );
  }
}
