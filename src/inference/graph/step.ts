import { type OnnxAttribute } from './onnx-attribute.js';
import { type OnnxNode } from './onnx-node.js';
import { type OnnxTensor } from './onnx-tensor.js';
import { known, type Size } from './size.js';
import { isFixed, type Mixed, refuse, type Tracked, type Value } from './value.js';
import { type Fields } from './wire.js';

/**
 * What an operator makes of its inputs. A rule gives one value for each output that it knows; it throws a
 * `Refusal` unless it is sure that the rows stay apart.
 */
export type Rule = (step: Step) => readonly Tracked[];

export interface Operator {
  rule: Rule;
  /** The inputs that may count rows (see `Value`), which the rule then looks at. Others are refused. */
  counts?: 'any' | readonly number[];
  /** Whether the rule looks at padding; else it is refused. */
  padding?: true;
  /**
   * What becomes of rows that come several times (`outer`): they are refused, or `kept`, as the operator does the
   * same to every entry along the batch axis, or `seen` by the rule.
   */
  outer?: 'kept' | 'seen';
  /** Whether the result may be fixed though an input has rows: their shape, or a type. */
  forgets?: true;
  /** Whether the result may depend on the rows, or on chance, though no input does. */
  unfixed?: true;
}

export type OperatorTable = Readonly<Record<string, Operator>>;

/** What a step may ask of the analysis around it. */
export interface Surroundings {
  /** A size that nobody knows. */
  fresh(): Size;
  /**
   * Follows a subgraph, and gives its outputs. Names that it does not define are those around the node. An input
   * that is undefined here is fixed, of the shape that the subgraph declares.
   */
  follow(subgraph: Fields, inputs: readonly (Tracked | undefined)[]): Tracked[];
}

/** One node, as a rule sees it. */
export class Step {
  constructor(
    private readonly node: OnnxNode,
    /** Of the operator set that the node's domain is imported at. */
    readonly version: number,
    /** Undefined where an optional input is left out. */
    readonly inputs: readonly (Value | undefined)[],
    private readonly surroundings: Surroundings,
  ) {}

  get operator(): string {
    return this.node.operator;
  }

  get outputCount(): number {
    return this.node.outputs.length;
  }

  input(index: number): Value {
    return this.inputs[index] ?? refuse('lacks an input');
  }

  dims(index: number): readonly Size[] {
    return this.input(index).dims ?? refuse('takes a value of an unknown number of dimensions');
  }

  /** An input that must not depend on the rows; undefined where it is left out. */
  fixed(index: number, what: string): Value | undefined {
    const value = this.inputs[index];
    if (value && !isFixed(value)) refuse(`takes ${what} from the batch`);
    return value;
  }

  /** The integers of an input that must be known, or undefined where it is left out. */
  numbers(index: number, what: string): number[] | undefined {
    const value = this.fixed(index, what);
    return (
      value &&
      (value.elements ?? [undefined]).map((element) => known(element) ?? refuse(`takes ${what} from the graph`))
    );
  }

  int(name: string, fallback: number): number {
    return this.attribute(name)?.int() ?? fallback;
  }

  text(name: string, fallback: string): string {
    return this.attribute(name)?.text() ?? fallback;
  }

  ints(name: string): number[] | undefined {
    return this.attribute(name)?.ints();
  }

  texts(name: string): string[] | undefined {
    return this.attribute(name)?.texts();
  }

  /** The greatest of the integers in that attribute, of which there may be very many. */
  greatest(name: string): number | undefined {
    return this.attribute(name)?.greatest();
  }

  /** How many numbers that attribute has. */
  count(name: string, form: 'ints' | 'floats'): number {
    return this.attribute(name)?.count(form) ?? 0;
  }

  /** Whether a list of texts has this one. */
  includes(name: string, text: string): boolean {
    return this.attribute(name)?.includes(text) ?? false;
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.attribute(name)?.tensor();
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  fresh(): Size {
    return this.surroundings.fresh();
  }

  /** An output that does not keep rows apart, where others do. */
  mixed(reason: string): Mixed {
    return { mixed: { node: nameOf(this.node), operator: this.node.operator, reason } };
  }

  /** Follows the subgraph in that attribute. */
  follow(name: string, inputs: readonly (Tracked | undefined)[]): Tracked[] {
    const subgraph = this.attribute(name) ?? refuse(`lacks its subgraph "${name}"`);
    return this.surroundings.follow(subgraph.graph(), inputs);
  }

  private attribute(name: string): OnnxAttribute | undefined {
    return this.node.attributes.get(name);
  }
}

/** The node's name; exporters that give none are read by what the node writes. */
export function nameOf({ name, outputs }: OnnxNode): string {
  return name || (outputs.find((output) => output !== '') ?? '');
}

/** An axis counted from the front; negative ones count from the back. */
export function fromFront(axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis;
  return Number.isInteger(front) && front >= 0 && front < rank ? front : refuse(`has no axis ${axis}`);
}
