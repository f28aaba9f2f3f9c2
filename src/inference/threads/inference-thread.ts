import { Worker } from 'node:worker_threads';
import { DomainError } from '../../common/errors.js';
import { ModelFileProblem, type RunResult, type Session, ThreadDied, type TimedSession } from '../session.js';
import { type Tensors } from '../tensor.js';
import { buffersOf } from './buffers.js';
import { type Call, END, type Failure, type LoadReport, type Reply, type Values } from './protocol.js';
import { THREAD_ENTRY } from './thread-entry.js';

interface Pending {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/**
 * A long-lived thread that holds one model at a time and does one thing at a time.
 *
 * A thread is never terminated: ONNX Runtime aborts the whole process when that happens in the middle of its work.
 */
export class InferenceThread implements Session, TimedSession {
  private readonly worker = new Worker(THREAD_ENTRY, { name: 'inference' });
  private pending: Pending | undefined;
  private fault: unknown;
  /** Since when it runs a model, by the monotonic clock in milliseconds; undefined while it does not. */
  runningSince: number | undefined;
  isAlive = true;
  /** Resolves when it has ended, whether it was asked to or not; with what broke it, where something did. */
  readonly ended: Promise<unknown>;

  constructor() {
    this.worker.on('message', (reply: Reply) => {
      this.settle(reply);
    });
    this.worker.on('error', (error: unknown) => {
      this.fault = error;
    });
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', () => {
        this.isAlive = false;
        this.runningSince = undefined;
        this.pending?.reject(this.death());
        this.pending = undefined;
        resolve(this.fault);
      });
    });
  }

  get isBusy(): boolean {
    return this.pending !== undefined;
  }

  /**
   * Loads a model file, and follows its graph.
   *
   * @throws ModelFileProblem; ThreadDied
   */
  load(path: string, threads: number): Promise<LoadReport> {
    return this.call('load', { kind: 'load', path, threads });
  }

  run(inputs: Tensors, outputs: readonly string[]): Promise<RunResult> {
    return this.watched(this.call('run', { kind: 'run', inputs, outputs }, buffersOf(inputs)));
  }

  /**
   * Runs the model to see how long it takes.
   *
   * @returns milliseconds in the model itself, without those in which the thread waited for a core
   * @throws DomainError `inference_failed`; ThreadDied
   */
  time(inputs: Tensors, outputs: readonly string[]): Promise<number> {
    return this.watched(this.call('time', { kind: 'time', inputs, outputs }, buffersOf(inputs)));
  }

  /** Lets go of the model; the thread is then ready for another one. */
  async release(): Promise<void> {
    await this.call('release', { kind: 'release' });
  }

  /** Asks it to end once it has nothing to do, and waits for that. */
  async end(): Promise<void> {
    this.worker.postMessage(END);
    await this.ended;
  }

  private async watched<T>(run: Promise<T>): Promise<T> {
    this.runningSince = performance.now();
    try {
      return await run;
    } finally {
      this.runningSince = undefined;
    }
  }

  private call<Kind extends keyof Values>(
    _kind: Kind,
    call: Call & { kind: Kind },
    moved: ArrayBuffer[] = [],
  ): Promise<Values[Kind]> {
    return new Promise((resolve, reject) => {
      if (!this.isAlive) {
        reject(this.death());
        return;
      }
      if (this.pending) throw new Error('a thread does one thing at a time');
      this.pending = { resolve, reject };
      this.worker.postMessage(call, moved);
    });
  }

  private death(): ThreadDied {
    return new ThreadDied('the thread of the model ended', { cause: this.fault });
  }

  private settle(reply: Reply): void {
    const { pending } = this;
    this.pending = undefined;
    if ('failure' in reply) pending?.reject(toError(reply.failure));
    else pending?.resolve(reply.value as never);
  }
}

function toError({ kind, message, cause }: Failure): Error {
  const options = { cause: new Error(cause) };
  return kind === 'model_file'
    ? new ModelFileProblem(message, options)
    : new DomainError('inference_failed', message, options);
}
