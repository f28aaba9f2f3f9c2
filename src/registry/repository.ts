import { type Stamp } from './folder-stamp.js';
import { type ModelSpec } from './model-file.js';

/** One version as the storage holds it. */
export interface VersionEntry {
  version: string;
  /** The folder that holds model.onnx. */
  folder: string;
  /** Size of model.onnx in bytes; undefined where it is not there. */
  bytes: number | undefined;
  /** What its files look like from outside. */
  stamp: Stamp;
}

/** One model as the storage holds it. */
export interface ModelEntry {
  name: string;
  spec: ModelSpec;
  /** From old to new. */
  versions: readonly VersionEntry[];
  /** What its author wrote and is left out, as lines for them. */
  warnings?: readonly string[];
  /** Its folder is there and cannot be read: nothing is known of its versions. */
  isUnreadable?: boolean;
  /** Why none of it can be served: a bad model.yaml, no version at all. */
  problem?: string;
}

export interface RepositoryContent {
  /** By name. */
  models: readonly ModelEntry[];
  /** Things in the folder that are no model, and were probably meant to be one. */
  hints: readonly string[];
}

/** There is nothing to serve. The message is one line for the operator. */
export class RepositoryProblem extends Error {}

/** The port to where models are kept: what exists, as against what is loaded. */
export abstract class ModelRepository {
  /** @throws RepositoryProblem when it is missing, unreadable or empty */
  abstract read(): Promise<RepositoryContent>;
}
