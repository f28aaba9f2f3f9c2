import { type TensorInfo, type Tensors } from './tensor.js';

/** What a model file wants and gives. */
export interface Graph {
  inputs: readonly TensorInfo[];
  outputs: readonly TensorInfo[];
  /** Names of outputs that are sequences or maps (scikit-learn's ZipMap): they cannot be fetched. */
  unsupportedOutputs: readonly string[];
  /** Names of inputs that have a default in the file, an initializer: the runtime takes no other value for them. */
  optionalInputs: readonly string[];
  /** Inputs and outputs whose number of dimensions the file leaves open: their `shape` is empty, as that of a scalar. */
  openShapes: readonly string[];
}

/** Rows that a graph takes in one run: one where its first dimension is fixed at that, else any number. */
export function rowsPerRun({ inputs }: Graph): number {
  return inputs.some(({ shape }) => shape[0] === 1) ? 1 : Infinity;
}

/** What one run of a graph gave. */
export interface RunResult {
  outputs: Tensors;
  /** Milliseconds in the model itself. */
  runMs: number;
}

/** A model file in memory, ready to run: on this thread, or on another one. */
export interface Session {
  /**
   * Runs the graph once, one run at a time. The inputs belong to the session from then on.
   *
   * @throws DomainError `inference_failed`; ThreadDied
   */
  run(inputs: Tensors, outputs: readonly string[]): Promise<RunResult>;
  /** Gives the memory back. To be called once, with no run under way. */
  release(): Promise<void>;
}

/** What runs a model to see how long it takes. */
export interface TimedSession {
  /** @returns milliseconds in the model itself, with no more of what else the machine does than can be told apart */
  time(inputs: Tensors, outputs: readonly string[]): Promise<number>;
}

/** A file that the runtime refused, with a reason fit for the model's author. */
export class ModelFileProblem extends Error {}

/** The thread that ran a model ended before it answered. */
export class ThreadDied extends Error {}
