import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { type Contract } from './contract.ts';

/** Takes the scores of a run, and the first of them that is one's own. Without scores the run failed. */
export type Done = (scores: Float32Array | undefined, offset: number) => void;

interface Waiting {
  firstRow: number;
  done: Done;
}

const FIRST_CAPACITY = 32;

/**
 * Runs the model once for all rows that arrive in one turn of the event loop.
 *
 *     read, parse, add ─┐
 *     read, parse, add ─┼─ setImmediate ─ one run ─ done, done, done
 *     read, parse, add ─┘
 */
export class TurnRunner {
  private readonly session: InferenceSession;
  private readonly contract: Contract;
  private readonly together: boolean;
  /** Storage that no run reads at the moment. */
  private readonly spare: Float32Array<ArrayBuffer>[] = [];
  private data: Float32Array<ArrayBuffer>;
  private rows = 0;
  private waiting: Waiting[] = [];

  /** @param together false runs the model for each call of `add` by itself */
  constructor(session: InferenceSession, contract: Contract, together: boolean) {
    this.session = session;
    this.contract = contract;
    this.together = together;
    this.data = new Float32Array(FIRST_CAPACITY * contract.columns);
  }

  /**
   * Checks rows and adds them to the next run.
   *
   * @returns what is wrong with a row; `done` is then never called
   */
  add(rows: readonly unknown[], done: Done): string | undefined {
    const { encode, columns } = this.contract;
    const firstRow = this.rows;
    const end = firstRow + rows.length;
    this.reserve(end);
    for (let row = firstRow; row < end; row++) {
      const problem = encode(rows[row - firstRow], this.data, row * columns);
      if (problem !== undefined) return problem;
    }
    this.rows = end;
    this.waiting.push({ firstRow, done });
    if (!this.together) this.flush();
    else if (this.waiting.length === 1) setImmediate(this.flush);
    return undefined;
  }

  private readonly flush = (): void => {
    const { data, rows, waiting, contract } = this;
    // The runtime reads the rows later, where they are: the next turn's go elsewhere.
    this.data = this.spare.pop() ?? new Float32Array(data.length);
    this.rows = 0;
    this.waiting = [];
    const input = new Tensor('float32', data.subarray(0, rows * contract.columns), [rows, contract.columns]);
    this.session.run({ [contract.input]: input }, [contract.output]).then(
      (outputs) => {
        this.settle(data, waiting, outputs[contract.output]?.data as Float32Array);
      },
      () => {
        this.settle(data, waiting, undefined);
      },
    );
  };

  private settle(data: Float32Array<ArrayBuffer>, waiting: Waiting[], scores: Float32Array | undefined): void {
    if (data.length === this.data.length) this.spare.push(data);
    for (const { firstRow, done } of waiting) done(scores, firstRow * this.contract.scores);
  }

  private reserve(rows: number): void {
    const needed = rows * this.contract.columns;
    if (needed <= this.data.length) return;
    const larger = new Float32Array(Math.max(needed, this.data.length * 2));
    larger.set(this.data);
    this.data = larger;
    this.spare.length = 0;
  }
}
