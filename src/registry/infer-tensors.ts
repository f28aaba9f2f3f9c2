import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Batcher } from '../inference/batcher.js';
import { batchKey, type RowRequest, type RowResult } from '../inference/run-request.js';
import { type Graph } from '../inference/session.js';
import { allocate, type Tensor, type TensorData } from '../inference/tensor.js';

/**
 * Runs the model on tensors that fit its graph. Where they are rows, and what is asked for is told row by row, they may
 * share runs with those of others, and are parted where they are too many for one; else they get a run of their own.
 *
 * @param inputs each of the graph's, in its order; nobody may change them until it is answered
 * @param fetches of the graph's outputs, in its order
 * @returns the outputs in the order of `fetches`
 * @throws DomainError `validation_failed` where there are too many rows for one run and they cannot be parted,
 *   `inference_failed`, `overloaded`, `deadline_exceeded`; CallerLeft
 */
export async function inferTensors(
  graph: Graph,
  batcher: Batcher,
  inputs: readonly Tensor[],
  fetches: readonly string[],
  caller: Caller,
): Promise<Tensor[]> {
  const rows = batcher.mayShare(fetches) ? rowsOf(graph, inputs) : 0;
  if (rows === 0) {
    const whole = { rows: weightOf(graph, inputs, batcher.wholeRows), inputs, fetches };
    const { outputs } = await batcher.submit(whole, caller);
    return fetches.map((name) => outputs.get(name) as Tensor);
  }
  const most = batcher.longestTensors(fetches);
  if (rows <= most) {
    const result = await batcher.submit(toRequest(inputs, fetches), caller);
    return fetches.map((name) => rowsIn(result, name, rows));
  }
  const parts = Array.from({ length: Math.ceil(rows / most) }, (_, part) =>
    toRequest(
      inputs.map((tensor) => slice(tensor, part * most, Math.min(rows, (part + 1) * most))),
      fetches,
    ),
  );
  const results = await batcher.submitAll(parts, caller);
  return fetches.map((name) =>
    join(
      name,
      results.map((result, part) => rowsIn(result, name, (parts[part] as RowRequest).rows)),
    ),
  );
}

/** How many rows there are, where each input has as many along a batch axis, and no other axis is empty; else 0. */
function rowsOf({ inputs: infos }: Graph, inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.dims[0] ?? 0;
  const areRows = inputs.every(
    ({ dims }, index) => typeof infos[index]?.shape[0] === 'string' && dims[0] === rows && !dims.includes(0),
  );
  return areRows ? rows : 0;
}

/**
 * As how many rows a request counts that cannot be parted: it is one run, however long that takes.
 *
 * @throws DomainError `validation_failed` where it is too large for one
 */
function weightOf({ inputs: infos }: Graph, inputs: readonly Tensor[], most: number | undefined): number {
  if (most === undefined) return 1;
  const rows = inputs.map(({ dims }, index) => (typeof infos[index]?.shape[0] === 'string' ? (dims[0] ?? 1) : 1));
  const weight = Math.max(1, ...rows);
  if (weight <= most) return weight;
  throw new DomainError(
    'validation_failed',
    `What is asked for is not told row by row, so that all rows must be in one run: at most ${most} (MAX_BATCH_SIZE) may be.`,
  );
}

function toRequest(inputs: readonly Tensor[], fetches: readonly string[]): RowRequest {
  const rows = inputs[0]?.dims[0] ?? 0;
  const rowDims = inputs.map(({ dims }) => dims.slice(1));
  const write: RowRequest['write'] = (tensors, offset) => {
    for (const [index, { data }] of inputs.entries())
      copyInto((tensors[index] as Tensor).data, data, (offset * data.length) / rows);
  };
  return { rows, rowDims, fetches, key: batchKey(rowDims, fetches), write, inputs };
}

function rowsIn({ outputs, offset }: RowResult, name: string, rows: number): Tensor {
  const tensor = outputs.get(name) as Tensor;
  return offset === 0 && tensor.dims[0] === rows ? tensor : slice(tensor, offset, offset + rows);
}

/** Some rows of a tensor: a view, but for texts. */
function slice({ type, dims, data }: Tensor, from: number, to: number): Tensor {
  const size = data.length / (dims[0] as number);
  const rows = Array.isArray(data) ? data.slice(from * size, to * size) : data.subarray(from * size, to * size);
  return { type, dims: [to - from, ...dims.slice(1)], data: rows };
}

function join(name: string, parts: readonly Tensor[]): Tensor {
  const [first] = parts as [Tensor];
  const { type, dims } = first;
  const isAlike = parts.every((part) => part.dims.slice(1).join() === dims.slice(1).join());
  if (!isAlike) throw new DomainError('inference_failed', `The model's output "${name}" is not alike for all rows.`);
  const data = allocate(
    type,
    parts.reduce((sum, part) => sum + part.data.length, 0),
  );
  let offset = 0;
  for (const part of parts) {
    copyInto(data, part.data, offset);
    offset += part.data.length;
  }
  return { type, dims: [parts.reduce((sum, part) => sum + (part.dims[0] as number), 0), ...dims.slice(1)], data };
}

/** Copies elements of the same type. */
function copyInto(target: TensorData, source: TensorData, offset: number): void {
  if (Array.isArray(target)) for (const [index, text] of (source as string[]).entries()) target[offset + index] = text;
  else (target as Uint8Array).set(source as Uint8Array, offset);
}
