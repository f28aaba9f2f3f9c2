import { readFile, stat } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { type MessagePort, parentPort, type Transferable } from 'node:worker_threads';
import { DomainError, firstLine } from '../../common/errors.js';
import { type BatchProof, proveRowsIndependent } from '../graph/batch-proof.js';
import { OnnxFileProblem, readOnnx } from '../graph/onnx-file.js';
import { OnnxSession, warmUpRuntime } from '../onnx-session.js';
import { type Graph, ModelFileProblem } from '../session.js';
import { type Tensors } from '../tensor.js';
import { buffersOf } from './buffers.js';
import { type Call, END, type Failure, type LoadReport, type Reply } from './protocol.js';
import { Stopwatch } from './stopwatch.js';

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
        case 'time':
          reply = { value: await this.time(call.inputs, call.outputs) };
          break;
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
    const file = await inspect(path); // first: it has the file in the page cache when its load is timed
    await warmUpRuntime();
    const watch = new Stopwatch();
    const started = performance.now();
    this.session = await OnnxSession.open(path, threads);
    const loadMs = watch.withoutWaits(performance.now() - started);
    const graph = completed(this.session.graph, file);
    return { graph, loadMs, loadBytes: this.session.bytes, proofs: file?.proofs ?? new Map() };
  }

  private async time(inputs: Tensors, outputs: readonly string[]): Promise<number> {
    const watch = new Stopwatch();
    const { runMs } = await this.loaded().run(inputs, outputs);
    return watch.withoutWaits(runMs);
  }

  private loaded(): OnnxSession {
    if (this.session) return this.session;
    throw new Error('nothing is loaded');
  }
}

/** What only the file itself tells. */
interface Inspected {
  proofs: Map<string, BatchProof>;
  optionalInputs: string[];
  openShapes: string[];
}

/** Reads the graph, and follows it to each of its outputs; undefined where that could not be done. */
async function inspect(path: string): Promise<Inspected | undefined> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size === 0 || size > MOST_BYTES) return undefined;
  const bytes = await readFile(path);
  try {
    const model = readOnnx(bytes);
    const { inputs, outputs, initializers } = model.graph;
    return {
      proofs: new Map(outputs.map(({ name }) => [name, proveRowsIndependent(model, [name])])),
      // Before version 4 of the format, every weight had to be an input, too.
      optionalInputs:
        model.irVersion < 4 ? [] : inputs.map(({ name }) => name).filter((name) => initializers.has(name)),
      openShapes: [...inputs, ...outputs].filter(({ shape }) => shape === undefined).map(({ name }) => name),
    };
  } catch (error) {
    if (error instanceof OnnxFileProblem) return undefined; // the runtime has better words for it, if it agrees
    throw error;
  } finally {
    // At once: a thread that waits for its next run would not collect it for hours.
    bytes.buffer.transfer(0);
  }
}

/** The runtime shows a shape that is open as that of a scalar: without the file, either may be meant. */
function completed(graph: Graph, file: Inspected | undefined): Graph {
  const unknown = [...graph.inputs, ...graph.outputs].filter(({ shape }) => shape.length === 0);
  const { optionalInputs, openShapes } = file ?? { optionalInputs: [], openShapes: unknown.map(({ name }) => name) };
  return { ...graph, optionalInputs, openShapes };
}

function toFailure(error: unknown): Failure {
  const { message, cause } = error as Error;
  if (error instanceof ModelFileProblem) return { kind: 'model_file', message, cause: firstLine(cause) };
  if (error instanceof DomainError) return { kind: 'inference_failed', message, cause: firstLine(cause) };
  throw error; // a mistake of ours: it ends the thread, and whoever waits is told
}

if (process.platform === 'linux') setPriority(NICENESS); // there it is for this thread alone
if (parentPort) new ThreadMain(parentPort);
