import { describe, equal, ONE, type Size } from './size.js';

/**
 * What the analysis knows of one value of the graph.
 *
 * - *rows*: one of `dims` is N, or a multiple: outer × N × k. Entry (o, i, j) along that axis belongs to row i, and
 *   depends on that row alone: not on other rows, on how many there are, or on where the row stands.
 * - *counted*: some of `elements` are multiples of N, as those of Shape are. Good for sizes, never for data.
 * - *fixed*: neither. The value is the same whatever the rows are, and however many.
 */
export interface Value {
  /** Undefined for a fixed value of an unknown number of dimensions. */
  dims: readonly Size[] | undefined;
  /** Small integers in row-major order, where all are worth knowing; one that is unknown is fixed. */
  elements?: readonly (Size | undefined)[] | undefined;
  /** Of rows: how many times all rows come, one after the other, along the batch axis. Once, if it is not there. */
  outer?: Size | undefined;
  /**
   * Only of tokens: what fills up short rows. How much of it there is depends on the longest row, so that this
   * is good only for an operator that does not see it.
   */
  padding?: string | undefined;
}

/** An output that may depend on more than one row, of a node that has others; good as long as nobody reads it. */
export interface Mixed {
  mixed: Blame;
}

/** The node that a proof fails at. */
export interface Blame {
  node: string;
  operator: string;
  /** Finishes a sentence that starts with the node: "normalises over axis 0, the batch". */
  reason: string;
}

export type Tracked = Value | Mixed;

/** That a node may mix rows. */
export class Unproven extends Error {
  constructor(readonly blame: Blame) {
    super(blame.reason);
  }
}

/** Why an operator does not keep rows apart. Thrown by rules, and caught where the node is known. */
export class Refusal extends Error {}

export function refuse(reason: string): never {
  throw new Refusal(reason);
}

export function isMixed(value: Tracked): value is Mixed {
  return 'mixed' in value;
}

/** No real model comes near; a hostile one could make us count for long. */
export const MAX_RANK = 32;

/** The axis that rows lie along, or -1. */
export function batchAxis(value: Value): number {
  return value.dims?.findIndex(({ batch }) => batch) ?? -1;
}

export function isRows(value: Value): boolean {
  return batchAxis(value) >= 0;
}

export function isCounted(value: Value): boolean {
  return value.elements?.some((element) => element?.batch) ?? false;
}

export function isFixed(value: Value): boolean {
  return !isRows(value) && !isCounted(value);
}

/** Whether nothing but its shape matters: no counts, no padding, and every row once. */
export function isPlain(value: Value): boolean {
  return !isCounted(value) && value.padding === undefined && equal(outerOf(value), ONE);
}

export function outerOf({ outer }: Value): Size {
  return outer ?? ONE;
}

/** The size of the batch axis: N, or a multiple where each row has several entries. */
export function batchSize(value: Value): Size | undefined {
  return value.dims?.[batchAxis(value)];
}

/** For messages: `[N, 3]`. */
export function describeDims(dims: readonly Size[]): string {
  return `[${dims.map(describe).join(', ')}]`;
}
