import { type Caller } from '../common/caller.js';
import { type Batcher } from '../inference/batcher.js';
import { type Placed } from '../inference/engine.js';
import { type Graph } from '../inference/session.js';
import { type Tensor } from '../inference/tensor.js';
import { type Row } from '../signature/columns.js';
import { type Signature } from '../signature/signature.js';
import { inferTensors } from './infer-tensors.js';
import { predictRows, type RowOutcome } from './predict-rows.js';
import { type VersionStatistics } from './version-statistics.js';

/** A version in memory: valid rows in, predictions out; or tensors, in and out. */
export class LoadedVersion {
  /** Resolves when its memory is given back; absent while it serves. */
  leaving: Promise<void> | undefined;
  /** Told when its memory is given back. */
  onReleased: (() => void) | undefined;
  /** Memory that it takes, as measured when it was loaded. */
  bytes: number;
  private holders = 0;
  private onLetGo: (() => void) | undefined;

  constructor(
    readonly graph: Graph,
    /** Absent where rows have no meaning: the model is then served as tensors only. */
    readonly signature: Signature | undefined,
    readonly batcher: Batcher,
    readonly placed: Placed,
    /** Of the files that it was loaded from. */
    readonly digest: string,
    /** Whether they stayed as they were while they were read; else the digest does not tell what it answers. */
    readonly isWhole: boolean,
    /** What the version has done, under this load and others. */
    readonly statistics: VersionStatistics,
  ) {
    this.bytes = placed.bytes;
  }

  /** Milliseconds that a request may take, where its author set a limit. */
  get timeoutMs(): number {
    return this.signature?.limits.timeout_ms ?? Infinity;
  }

  /** Whether a row has the same answer in a run with others as alone. */
  get keepsRowsApart(): boolean {
    return this.placed.batching.coalesced || this.placed.runRows === 1;
  }

  /** As `predictRows`. */
  predict(signature: Signature, rows: readonly Row[], caller: Caller): Promise<RowOutcome[]> {
    return predictRows(signature, this.batcher, rows, caller);
  }

  /** As `inferTensors`. */
  infer(inputs: readonly Tensor[], fetches: readonly string[], caller: Caller): Promise<Tensor[]> {
    return inferTensors(this.graph, this.batcher, inputs, fetches, caller);
  }

  /**
   * Keeps it in memory for somebody who waits for something else (a database, a cache) before its rows are in the
   * queue, and so may see turns of the event loop go by.
   *
   * @returns lets go of it; to be called once
   */
  hold(): () => void {
    this.holders++;
    return () => {
      if (--this.holders === 0) this.onLetGo?.();
    };
  }

  /**
   * Gives its memory back, once who has resolved to it is answered: those reach its queue before the next turn, since
   * nothing on their way waits for anything but promises that are settled, and who does holds it. Nobody may resolve to
   * it any more.
   */
  release(): Promise<void> {
    this.leaving ??= this.drain();
    return this.leaving;
  }

  private async drain(): Promise<void> {
    await new Promise(setImmediate);
    if (this.holders > 0) await new Promise<void>((resolve) => (this.onLetGo = resolve));
    await this.batcher.drained();
    await this.placed.lane.close();
    this.onReleased?.();
  }
}
