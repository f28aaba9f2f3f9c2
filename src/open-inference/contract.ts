import { didYouMean } from '../common/did-you-mean.js';
import { DomainError } from '../common/errors.js';
import { shortened } from '../common/json-schema/problems.js';
import { listed } from '../common/listed.js';
import { type Graph } from '../inference/session.js';
import { type Tensor, type TensorInfo } from '../inference/tensor.js';
import { datatypeOf } from './datatypes.js';
import { type NamedTensor } from './inference.js';
import { shapeOf } from './metadata.js';
import { countElements, isShape } from './shape.js';

/** An input as a request announces it: what can be told before anything is made of its data. */
export interface AnnouncedTensor {
  name: string;
  datatype: string;
  shape: readonly number[];
}

/** An input of the model, as the protocol sees it. */
export interface ContractInput {
  info: TensorInfo;
  /** Its place among the graph's inputs. */
  index: number;
  /** Whether the file leaves the number of dimensions open. */
  isOpen: boolean;
  /** `FP32[-1,9]`, for messages. */
  text: string;
}

/** What a graph takes and gives, in the protocol's words. */
export class TensorContract {
  private static readonly known = new WeakMap<Graph, TensorContract>();
  private readonly byName: ReadonlyMap<string, ContractInput>;
  private readonly outputNames: readonly string[];

  private constructor(private readonly graph: Graph) {
    this.byName = new Map(graph.inputs.map((info, index) => [info.name, toContractInput(info, index, graph)]));
    this.outputNames = graph.outputs.map(({ name }) => name);
  }

  /** The contract of a graph, made by the first call. */
  static of(graph: Graph): TensorContract {
    let contract = TensorContract.known.get(graph);
    if (!contract) TensorContract.known.set(graph, (contract = new TensorContract(graph)));
    return contract;
  }

  /** The only input; undefined where there are several, or none. */
  get onlyInput(): ContractInput | undefined {
    return this.byName.size === 1 ? [...this.byName.values()][0] : undefined;
  }

  /**
   * Checks names, datatypes and shapes of all inputs.
   *
   * @returns for each its input of the model
   * @throws DomainError `validation_failed` naming all that is wrong
   */
  check(announced: readonly AnnouncedTensor[]): ContractInput[] {
    const problems: string[] = [];
    const found = new Array<ContractInput>(announced.length);
    const seen = new Set<string>();
    for (const [position, tensor] of announced.entries()) {
      if (problems.length === MAX_PROBLEMS) break;
      const input = this.byName.get(tensor.name);
      const problem = input ? problemOf(tensor, input, seen) : this.whyUnknown(tensor.name, position);
      if (problem !== undefined) problems.push(problem);
      else if (input) found[position] = input;
      if (input) seen.add(tensor.name);
    }
    if (seen.size < this.byName.size && problems.length < MAX_PROBLEMS) {
      for (const [name, { text }] of this.byName)
        if (!seen.has(name)) problems.push(`input ${quoted(name)} is missing: the model takes ${text}`);
    }
    if (problems.length > 0) throw failed(problems);
    return found;
  }

  /** Checked tensors in the graph's order. */
  inOrder(tensors: readonly NamedTensor[]): Tensor[] {
    const inputs = new Array<Tensor>(tensors.length);
    for (const { name, tensor } of tensors) inputs[(this.byName.get(name) as ContractInput).index] = tensor;
    return inputs;
  }

  /**
   * The outputs that are asked for, in that order; all where none is named.
   *
   * @throws DomainError `validation_failed`
   */
  outputs(names: readonly string[] = []): readonly string[] {
    if (names.length === 0) return this.outputNames;
    const problems: string[] = [];
    const seen = new Set<string>();
    for (const name of names) {
      if (problems.length === MAX_PROBLEMS) break;
      if (seen.has(name)) problems.push(`output ${quoted(name)} is asked for twice`);
      else if (!this.outputNames.includes(name)) problems.push(this.whyNoOutput(name));
      seen.add(name);
    }
    if (problems.length > 0) throw failed(problems);
    return names;
  }

  /** The same outputs in the graph's order. */
  fetchesOf(names: readonly string[]): readonly string[] {
    return names === this.outputNames ? names : this.outputNames.filter((name) => names.includes(name));
  }

  private whyUnknown(name: string, position: number): string {
    if (this.graph.optionalInputs.includes(name))
      return `input ${quoted(name)} has a default in the model's file, and the runtime takes no other value for it: leave it out`;
    const hint = didYouMean(name, this.byName.keys()) || ` (it takes ${listed([...this.byName.keys()])})`;
    return `inputs[${position}], ${quoted(name)}, is not an input of the model${hint}`;
  }

  private whyNoOutput(name: string): string {
    if (this.graph.unsupportedOutputs.includes(name))
      return `output ${quoted(name)} is a sequence or a map, and cannot be sent: export the model with options={'zipmap': False}`;
    const hint = didYouMean(name, this.outputNames) || ` (it has ${listed(this.outputNames)})`;
    return `${quoted(name)} is not an output of the model${hint}`;
  }
}

function toContractInput(info: TensorInfo, index: number, { openShapes }: Graph): ContractInput {
  const isOpen = openShapes.includes(info.name);
  const datatype = datatypeOf(info.type);
  return { info, index, isOpen, text: isOpen ? `${datatype} of any shape` : `${datatype}[${shapeOf(info).join()}]` };
}

/** A request is told so many of its problems at most. */
const MAX_PROBLEMS = 10;

/** The failure of a request with these things wrong in it. */
export function failed(problems: readonly string[]): DomainError {
  const [first = ''] = problems;
  if (problems.length > 1)
    return new DomainError('validation_failed', `${problems.length} problems: ${problems.join('; ')}.`);
  return new DomainError('validation_failed', `${first.charAt(0).toUpperCase()}${first.slice(1)}.`);
}

/** A name as it is shown: it may be anything, and of any length. */
export function quoted(name: string): string {
  return JSON.stringify(shortened(name));
}

function problemOf(
  { name, datatype, shape }: AnnouncedTensor,
  { info, isOpen, text }: ContractInput,
  seen: ReadonlySet<string>,
): string | undefined {
  const title = `input ${quoted(name)}`;
  if (seen.has(name)) return `${title} is there twice`;
  if (datatype !== datatypeOf(info.type)) return `${title} has another datatype: the model takes ${text}`;
  if (!isShape(shape)) return `${title} must have a shape of up to 64 whole numbers from 0 on`;
  if (countElements(shape) === undefined) return `${title} has a shape that is larger than any tensor can be`;
  if (isOpen) return undefined;
  const wanted = info.shape;
  if (shape.length !== wanted.length)
    return `${title} must have ${wanted.length} dimensions, and has ${shape.length}: the model takes ${text}`;
  const wrong = wanted.findIndex((dim, axis) => typeof dim === 'number' && dim !== shape[axis]);
  if (wrong === -1) return undefined;
  return `${title} must have the size ${String(wanted[wrong])} in dimension ${wrong}: the model takes ${text}`;
}
