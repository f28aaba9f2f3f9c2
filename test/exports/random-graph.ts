import { type Attribute, floats, type Graph, ints, type Node, node, type Tensor } from '../support/onnx-writer.js';

/** A size as the generator knows it: a number, times the number of rows where `rows` is set. */
export interface Dim {
  size: number;
  rows: boolean;
}

export interface Value {
  name: string;
  dims: readonly Dim[];
}

export const ROWS: Dim = { size: 1, rows: true };

export function dim(size: number): Dim {
  return { size, rows: false };
}

/** A generator of numbers that gives the same ones for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Builds a graph at random, node by node. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly constants: Record<string, Tensor> = {};
  readonly values: Value[] = [];
  private names = 0;

  constructor(readonly random: () => number) {}

  /** A whole number below the limit. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** A value that suits and is no scalar, the latest ones rather than those before. */
  value(suits: (value: Value) => boolean = () => true): Value | undefined {
    const some = this.values.filter((value) => value.dims.length > 0 && suits(value));
    return some[Math.max(this.below(some.length), this.below(some.length))];
  }

  /** An axis: seldom the batch, as few graphs would be left to prove. */
  axis({ dims }: Value): number {
    const others = dims.map((_, axis) => axis).filter((axis) => !dims[axis]?.rows);
    return others.length > 0 && this.chance(0.93) ? this.pick(others) : this.below(dims.length);
  }

  name(): string {
    return `v${++this.names}`;
  }

  constant(tensor: Tensor): string {
    const name = `c${++this.names}`;
    this.constants[name] = tensor;
    return name;
  }

  ints(...values: number[]): string {
    return this.constant(ints(...values));
  }

  weights(...shape: number[]): string {
    const count = shape.reduce((product, size) => product * size, 1);
    return this.constant(
      floats(
        shape,
        Array.from({ length: count }, () => Math.fround(this.random() * 2 - 1)),
      ),
    );
  }

  /** Adds a node of one result that nobody else builds on. */
  inner(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, domain = ''): string {
    const name = this.name();
    this.nodes.push(node(op, inputs, name, attributes, domain));
    return name;
  }

  add(
    op: string,
    inputs: readonly string[],
    dims: readonly Dim[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): void {
    this.values.push({ name: this.inner(op, inputs, attributes, domain), dims });
  }

  /** The graph, with one value as its output; the rows along axis 0, if they are along any. */
  finish(inputs: Graph['inputs'], value: Value): Graph {
    const batch = value.dims.findIndex(({ rows }) => rows);
    const others = value.dims.map((_, axis) => axis).filter((axis) => axis !== batch);
    this.nodes.push(
      batch > 0
        ? node('Transpose', [value.name], 'y', { perm: [batch, ...others] })
        : node('Identity', [value.name], 'y'),
    );
    return { nodes: this.nodes, constants: this.constants, inputs: inputs ?? {}, outputs: { y: {} } };
  }
}

/** Adds some nodes to a graph, or none if no value suits. Some mix rows, most do not. */
export type RandomStep = (graph: GraphBuilder) => void;

export function without(dims: readonly Dim[], axis: number): Dim[] {
  return dims.filter((_, other) => other !== axis);
}

export function replaced(dims: readonly Dim[], axis: number, size: Dim): Dim[] {
  return dims.map((own, other) => (other === axis ? size : own));
}

/** A table: rows, and features. */
export function isMatrix({ dims }: Value): boolean {
  return dims.length === 2 && Boolean(dims[0]?.rows) && !dims[1]?.rows;
}

/** Whether broadcasting spreads the one to the other. */
export function fits(own: Dim, other: Dim): boolean {
  return (own.size === 1 && !own.rows) || (own.size === other.size && own.rows === other.rows);
}

export function wider(a: Dim, b: Dim): Dim {
  return a.size === 1 && !a.rows ? b : a;
}

/** Several axes as one. */
export function merged(dims: readonly Dim[]): Dim {
  return { size: dims.reduce((product, { size }) => product * size, 1), rows: dims.some(({ rows }) => rows) };
}
