import { type TensorInfo, type Tensors } from './tensor.js';

/** What a model file wants and gives. */
export interface Graph {
  inputs: readonly TensorInfo[];
  outputs: readonly TensorInfo[];
  /** Names of outputs that are sequences or maps (scikit-learn's ZipMap): they cannot be fetched. */
  unsupportedOutputs: readonly string[];
}

/** A model file in memory, ready to run. */
export interface Session {
  readonly graph: Graph;
  /**
   * Runs the graph once. The input buffers must not change until the promise settles.
   *
   * @throws DomainError `inference_failed`
   */
  run(inputs: Tensors, outputs: readonly string[]): Promise<Tensors>;
  /** Gives the memory back. To be called once, with no run under way. */
  release(): Promise<void>;
}

/** A file that the engine refused, with a reason fit for the model's author. */
export class ModelFileProblem extends Error {}

/** The port to the runtime that executes models. */
export abstract class InferenceEngine {
  /** @throws ModelFileProblem when the file cannot be loaded */
  abstract load(path: string): Promise<Session>;
}
