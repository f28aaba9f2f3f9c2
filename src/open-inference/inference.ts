import { type Tensor } from '../inference/tensor.js';

export interface NamedTensor {
  name: string;
  tensor: Tensor;
}

/** What is asked of a model, on whichever transport. */
export interface InferRequest {
  model: string;
  /** Of the path, as REST and gRPC name it: exact, label, `latest`, or a range. */
  version?: string | undefined;
  /** Of the X-Model-Version header, or of gRPC's metadata. */
  headerVersion?: string | undefined;
  inputs: readonly NamedTensor[];
  /** Without them, or without one of them: all that the model has. */
  outputs?: readonly string[] | undefined;
}

export interface InferResponse {
  model: string;
  /** The version that answered. */
  version: string;
  /** In the order in which they were asked for. */
  outputs: readonly NamedTensor[];
}
