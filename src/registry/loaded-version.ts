import { type Caller } from '../common/caller.js';
import { type Batcher } from '../inference/batcher.js';
import { type Placed } from '../inference/engine.js';
import { type Graph } from '../inference/session.js';
import { type Row } from '../signature/columns.js';
import { type Signature } from '../signature/signature.js';
import { predictRows, type RowOutcome } from './predict-rows.js';

/** A version in memory: valid rows in, predictions out. */
export class LoadedVersion {
  constructor(
    readonly graph: Graph,
    /** Absent where rows have no meaning: the model is then served as tensors only. */
    readonly signature: Signature | undefined,
    readonly batcher: Batcher,
    readonly placed: Placed,
    /** Of the files that it was loaded from. */
    readonly digest: string,
  ) {}

  /** Milliseconds that a request may take, where its author set a limit. */
  get timeoutMs(): number {
    return this.signature?.limits.timeout_ms ?? Infinity;
  }

  /** As `predictRows`. */
  predict(signature: Signature, rows: readonly Row[], caller: Caller): Promise<RowOutcome[]> {
    return predictRows(signature, this.batcher, rows, caller);
  }

  /** Gives its memory back, once what it runs is answered. Nothing may be sent to it any more. */
  async release(): Promise<void> {
    await this.batcher.drained();
    await this.placed.lane.close();
  }
}
