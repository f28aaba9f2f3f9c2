import { type Tensor } from '../inference/tensor.js';

export interface NamedTensor {
  name: string;
  tensor: Tensor;
}

export interface InferResponse {
  model: string;
  /** The version that answered. */
  version: string;
  /** In the order in which they were asked for. */
  outputs: readonly NamedTensor[];
}
