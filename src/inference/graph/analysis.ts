import { type OnnxModel } from './onnx-file.js';
import { type OnnxGraph, readGraph } from './onnx-graph.js';
import { type OnnxNode } from './onnx-node.js';
import { finish, requireTaken } from './invariants.js';
import { elementsOf } from './operators/arithmetic.js';
import { findOperator } from './operators/index.js';
import { literal, type Size, symbol } from './size.js';
import { nameOf, Step } from './step.js';
import {
  type Blame,
  isFixed,
  isMixed,
  type Mixed,
  Refusal,
  refuse,
  type Tracked,
  Unproven,
  type Value,
} from './value.js';
import { OnnxFileProblem } from './limits.js';
import { type Fields } from './wire.js';

/** More than any real model takes: nested loops are followed several times each. */
const MAX_STEPS = 200_000;

/** The values in reach of a node: those of its own graph, and those of the graphs around it. */
class Scope {
  private readonly values = new Map<string, Tracked>();

  constructor(private readonly around?: Scope) {}

  find(name: string): Tracked | undefined {
    return this.values.get(name) ?? this.around?.find(name);
  }

  /** A name means one value, in the graphs inside too: else one value could be taken for another. */
  set(name: string, value: Tracked): void {
    if (this.find(name)) refuse(`"${name}" is written twice`);
    this.values.set(name, value);
  }
}

/**
 * Follows the values of a model through its nodes, up to the first that may mix rows. No output may hang on that
 * node, but the run does: it may fail for some numbers of rows, and so fail rows in company that succeed alone.
 */
export class Analysis {
  private steps = 0;
  private symbols = 0;
  private readonly subgraphs = new WeakMap<Fields, OnnxGraph>();

  constructor(private readonly model: OnnxModel) {}

  /**
   * What is known of each output of the model.
   *
   * @throws Unproven where a node may mix rows
   * @throws Refusal where the graph as a whole cannot be followed
   */
  run(inputs: ReadonlyMap<string, Value>): Map<string, Tracked> {
    const { graph } = this.model;
    const scope = new Scope();
    for (const [name, value] of inputs) scope.set(name, value);
    return new Map(this.through(graph, scope).map((value, index) => [graph.outputs[index]?.name ?? '', value]));
  }

  private through(graph: OnnxGraph, scope: Scope): Tracked[] {
    for (const tensor of graph.initializers.values()) {
      scope.set(tensor.name, { dims: tensor.dims.map(literal), elements: elementsOf(tensor) });
    }
    for (const node of graph.nodes) this.execute(node, scope);
    return graph.outputs.map(({ name }) => scope.find(name) ?? refuse(`nothing writes the output "${name}"`));
  }

  private execute(node: OnnxNode, scope: Scope): void {
    if (++this.steps > MAX_STEPS) refuse('the graph is too large to be followed');
    const results = this.results(node, scope);
    node.outputs.forEach((name, index) => {
      if (name) scope.set(name, results[index] ?? { mixed: blame(node, 'gives an output that is not known') });
    });
  }

  private results(node: OnnxNode, scope: Scope): readonly Tracked[] {
    const inputs = node.inputs.map((name) =>
      name ? (scope.find(name) ?? refuse(`nothing before it writes "${name}"`)) : undefined,
    );
    const mixed = inputs.find((input) => input && isMixed(input)) as Mixed | undefined;
    if (mixed) throw new Unproven(mixed.mixed);
    return this.apply(node, inputs as (Value | undefined)[], scope);
  }

  private apply(node: OnnxNode, inputs: readonly (Value | undefined)[], scope: Scope): readonly Tracked[] {
    const version = this.model.opsets.get(node.domain) ?? 0;
    const own = this.model.functions.has(`${node.domain}:${node.operator}`);
    const operator = own ? undefined : findOperator(node.domain, node.operator, version);
    if (!operator) throw new Unproven(blame(node, unknown(node, own)));
    const step = new Step(node, version, inputs, {
      fresh: () => this.fresh(),
      follow: (subgraph, values) => this.inside(this.read(subgraph), values, scope),
    });
    try {
      requireTaken(operator, inputs);
      return finish(operator, inputs, operator.rule(step));
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof OnnxFileProblem)) throw error;
      const fixed = !operator.unfixed && inputs.every((input) => !input || isFixed(input));
      if (!fixed) throw new Unproven(blame(node, error.message));
      return node.outputs.map(() => ({ dims: undefined }));
    }
  }

  private inside(graph: OnnxGraph, values: readonly (Tracked | undefined)[], around: Scope): Tracked[] {
    const scope = new Scope(around);
    if (graph.inputs.length !== values.length) refuse('has a subgraph with another number of inputs');
    graph.inputs.forEach(({ name, shape }, index) => {
      const dims = shape?.map((size) => (typeof size === 'number' ? literal(size) : this.fresh()));
      scope.set(name, values[index] ?? { dims });
    });
    return this.through(graph, scope);
  }

  /** Loops are followed several times, and read once. */
  private read(subgraph: Fields): OnnxGraph {
    const known = this.subgraphs.get(subgraph) ?? readGraph(subgraph.again());
    this.subgraphs.set(subgraph, known);
    return known;
  }

  private fresh(): Size {
    return symbol(`#${++this.symbols}`);
  }
}

function blame(node: OnnxNode, reason: string): Blame {
  return { node: nameOf(node), operator: node.operator, reason };
}

function unknown({ domain }: OnnxNode, own: boolean): string {
  if (own) return 'is defined in the file itself, and is not followed';
  return `is not known to keep rows apart${domain ? ` (${domain})` : ''}`;
}
