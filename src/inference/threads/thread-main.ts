import { readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
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
    const prove = await readProver(path); // first: it has the file in the page cache when its load is timed
    await warmUpRuntime();
    const started = performance.now();
    this.session = await OnnxSession.open(path, threads);
    const loadMs = performance.now() - started;
    const { graph } = this.session;
    return { graph, loadMs, proofs: new Map(graph.outputs.map(({ name }) => [name, prove(name)])) };
  }

  private loaded(): OnnxSession {
    if (this.session) return this.session;
    throw new Error('nothing is loaded');
  }
}

async function readProver(path: string): Promise<(output: string) => BatchProof> {
  try {
    const model = readOnnx(await readFile(path));
    return (output) => proveRowsIndependent(model, [output]);
  } catch (error) {
    // The runtime read the file, so it is good; that it is larger or stranger than what is analysed is no fault.
    const why = error instanceof OnnxFileProblem ? error.message : firstLine(error).replaceAll(path, basename(path));
    return () => ({ independent: false, node: '', operator: '', reason: `the file ${why}` });
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
