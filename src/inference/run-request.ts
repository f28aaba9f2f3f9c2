import { type Tensor, type Tensors } from './tensor.js';

/** What one caller asks of the model. */
export type RunRequest = RowRequest | WholeRequest;

/** Rows of one caller on their way to the model. */
export interface RowRequest {
  /** How many; at least one. */
  rows: number;
  /** Dimensions of each graph input after the batch axis, in the graph's order. */
  rowDims: readonly (readonly number[])[];
  /** The graph's outputs that are wanted. */
  fetches: readonly string[];
  /** Requests share a run only where their keys are equal: same dimensions, same outputs. */
  key: string;
  /** Writes the rows into the graph's inputs, from row `offset` on. Called right before a run, for each that it is in. */
  write: (tensors: readonly Tensor[], offset: number) => void;
  /** The rows as tensors, where they are that already: a run that holds nothing else may take them as they are. */
  inputs?: readonly Tensor[];
}

/**
 * Inputs that have a meaning only together: without a batch axis, without rows, or with another number of them in each.
 * They get a run of their own, and its outputs as they are.
 */
export interface WholeRequest {
  key?: undefined;
  /** As how many rows it counts in the queue; at least one. */
  rows: number;
  fetches: readonly string[];
  /** In the graph's order. Nobody may change them until the request is answered. */
  inputs: readonly Tensor[];
}

/** Where the answers of a request stand: in the outputs of a whole run, from row `offset` on. */
export interface RowResult {
  outputs: Tensors;
  offset: number;
}

/** Requests that ask for the same outputs of inputs of the same shape have the same key. */
export function batchKey(rowDims: RowRequest['rowDims'], fetches: readonly string[]): string {
  return JSON.stringify([rowDims, fetches]);
}
