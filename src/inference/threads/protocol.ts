import { type BatchProof } from '../graph/batch-proof.js';
import { type Graph, type RunResult } from '../session.js';
import { type Tensors } from '../tensor.js';

/** What a thread is asked for: one thing at a time, each of which gets one reply. */
export type Call =
  | { kind: 'load'; path: string; threads: number }
  | { kind: 'run' | 'time'; inputs: Tensors; outputs: readonly string[] }
  | { kind: 'release' };

/** What the replies carry, by the kind of the call. */
export interface Values {
  load: LoadReport;
  run: RunResult;
  /** Milliseconds in the model itself. */
  time: number;
  release: undefined;
}

export interface LoadReport {
  graph: Graph;
  /** Milliseconds in the runtime, without those of waiting for a core. */
  loadMs: number;
  /** By how much the process grew meanwhile. */
  loadBytes: number;
  /** Whether rows are independent, by output. */
  proofs: ReadonlyMap<string, BatchProof>;
}

/** Errors lose their class on the way: `kind` gives it back. */
export interface Failure {
  kind: 'model_file' | 'inference_failed';
  message: string;
  /** The runtime's own words, for the log. */
  cause: string;
}

export type Reply = { value: Values[keyof Values] } | { failure: Failure };

/** Sent in place of a call: the thread ends by itself. It must never be terminated from outside while it works. */
export const END = 'end';
