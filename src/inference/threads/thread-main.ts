import { readFile, stat } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { type MessagePort, parentPort, type Transferable } from 'node:worker_threads';
import { DomainError, firstLine } from '../../common/errors.js';
import { type BatchProof, proveRowsIndependent } from '../graph/batch-proof.js';
import { OnnxFileProblem, readOnnx } from '../graph/onnx-file.js';
import { OnnxSession, warmUpRuntime } from '../onnx-session.js';
import { ModelFileProblem } from '../session.js';
import { buffersOf } from './buffers.js';
import { type Call, END, type Failure, type LoadReport, type Reply } from './protocol.js';

/** Below the HTTP thread, so that a saturated model on a small machine does not keep probes and other models waiting. */
const NICENESS = 5;

/** Larger files are not followed: it takes as much memory again while they load. */
const MOST_BYTES = 1024 ** 3;

/** An inference thread: it holds one session, and does one thing at a time. */
class ThreadMain {
  private session: OnnxSession | undefined;

  constructor(private readonly port: MessagePort) {
    port.on('message', (call: Call | typeof END) => {
      if (call === END) port.close();
      else void this.reply(call);
    });
  }

  private async reply(call: Call): Promise<void> {
    let reply: Reply;
    let moved: Transferable[] = [];
    try {
      switch (call.kind) {
        case 'load':
          reply = { value: await this.load(call.path, call.threads) };
          break;
        case 'run': {
          const value = await this.loaded().run(call.inputs, call.outputs);
          moved = buffersOf(value.outputs);
          reply = { value };
          break;
        }
        case 'release':
          await this.loaded().release();
          this.session = undefined;
          reply = { value: undefined };
          break;
      }
    } catch (error) {
      reply = { failure: toFailure(error) };
    }
    this.port.postMessage(reply, moved);
  }

  private async load(path: string, threads: number): Promise<LoadReport> {
    const proofs = await prove(path); // first: it has the file in the page cache when its load is timed
    await warmUpRuntime();
    const started = performance.now();
    this.session = await OnnxSession.open(path, threads);
    const loadMs = performance.now() - started;
    return { graph: this.session.graph, loadMs, loadBytes: this.session.bytes, proofs };
  }

  private loaded(): OnnxSession {
    if (this.session) return this.session;
    throw new Error('nothing is loaded');
  }
}

/** Follows the graph to each of its outputs; those that are missing in the answer could not be followed. */
async function prove(path: string): Promise<Map<string, BatchProof>> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size === 0 || size > MOST_BYTES) return new Map();
  const bytes = await readFile(path);
  try {
    const model = readOnnx(bytes);
    return new Map(model.graph.outputs.map(({ name }) => [name, proveRowsIndependent(model, [name])]));
  } catch (error) {
    if (error instanceof OnnxFileProblem) return new Map(); // the runtime has better words for it, if it agrees
    throw error;
  } finally {
    // At once: a thread that waits for its next run would not collect it for hours.
    bytes.buffer.transfer(0);
  }
}

function toFailure(error: unknown): Failure {
  const { message, cause } = error as Error;
  if (error instanceof ModelFileProblem) return { kind: 'model_file', message, cause: firstLine(cause) };
  if (error instanceof DomainError) return { kind: 'inference_failed', message, cause: firstLine(cause) };
  throw error; // a mistake of ours: it ends the thread, and whoever waits is told
}

if (process.platform === 'linux') setPriority(NICENESS); // there it is for this thread alone
if (parentPort) new ThreadMain(parentPort);
