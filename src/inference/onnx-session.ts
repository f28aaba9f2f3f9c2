import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import './without-telemetry.js';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { DomainError, firstLine } from '../common/errors.js';
import { type Graph, ModelFileProblem, type RunResult, type Session } from './session.js';
import { DATA_TYPES, type Tensor, type TensorInfo, type Tensors } from './tensor.js';

/** A model in ONNX Runtime, on the thread that made it. The only file that imports onnxruntime-node. */
export class OnnxSession implements Session {
  private constructor(
    private readonly session: InferenceSession,
    /** As far as the runtime knows it: what it says nothing of is empty. */
    readonly graph: Graph,
    /** By how much the process grew while it was loaded. */
    readonly bytes: number,
  ) {}

  /**
   * Loads a model file, and blocks this thread meanwhile.
   *
   * @param threads how many a run may use
   * @throws ModelFileProblem when the file cannot be loaded
   */
  static async open(path: string, threads: number): Promise<OnnxSession> {
    let session: InferenceSession;
    const before = process.memoryUsage.rss();
    try {
      session = await InferenceSession.create(path, optionsFor(threads));
    } catch (error) {
      throw new ModelFileProblem(explain(path, firstLine(error)), { cause: error });
    }
    try {
      const bytes = Math.max(0, process.memoryUsage.rss() - before);
      return new OnnxSession(session, readGraph(basename(path), session), bytes);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  async run(inputs: Tensors, outputs: readonly string[]): Promise<RunResult> {
    const feeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of inputs) feeds[name] = toOrt(tensor);
    let started = 0;
    // The runtime works in an immediate of its own, a whole turn from now: this one fires right before it.
    setImmediate(() => (started = performance.now()));
    try {
      const results = await this.session.run(feeds, outputs);
      const runMs = performance.now() - started;
      return { outputs: new Map(outputs.map((name) => [name, fromOrt(results[name] as OrtTensor)])), runMs };
    } catch (error) {
      throw new DomainError('inference_failed', 'The model failed on this input.', { cause: error });
    }
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

/** The least that is a model: one Identity. */
const IDENTITY = Buffer.from(
  'CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhAN',
  'base64',
);
let isWarm: Promise<void> | undefined;

/** The runtime's own first load takes 24 ms, whatever the model: done ahead, it is not mistaken for the model's. */
export function warmUpRuntime(): Promise<void> {
  isWarm ??= InferenceSession.create(IDENTITY, optionsFor(1)).then((session) => session.release());
  return isWarm;
}

/** Threads are always set: the runtime's own default is the host's cores, not the container's. */
function optionsFor(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Failures reach the log through errors; the runtime's own lines on stderr would show paths and inputs.
    logSeverityLevel: 4,
    // Waiting threads sleep instead of spinning: 29 ms of CPU a second while idle instead of 291.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

function readGraph(file: string, { inputMetadata, outputMetadata }: InferenceSession): Graph {
  const graph = {
    inputs: inputMetadata.map((input) => toTensorInfo(file, input)),
    outputs: outputMetadata.filter(({ isTensor }) => isTensor).map((output) => toTensorInfo(file, output)),
    unsupportedOutputs: outputMetadata.filter(({ isTensor }) => !isTensor).map(({ name }) => name),
    optionalInputs: [],
    openShapes: [],
  };
  if (graph.outputs.length > 0) return graph;
  throw new ModelFileProblem(
    `${file}: every output is a sequence or a map; export the model with options={'zipmap': False}`,
  );
}

function toTensorInfo(file: string, metadata: InferenceSession.ValueMetadata): TensorInfo {
  const { name } = metadata;
  if (!metadata.isTensor) throw new ModelFileProblem(`${file}: input "${name}" is not a tensor, and cannot be fed`);
  const type = DATA_TYPES.find((known) => known === metadata.type);
  if (!type) throw new ModelFileProblem(`${file}: "${name}" is of type ${metadata.type}, which is not supported`);
  return { name, type, shape: metadata.shape };
}

function toOrt({ type, dims, data }: Tensor): OrtTensor {
  // The Tensor class wants a Float16Array where Node has one, and the native side then refuses it; a plain
  // object of the same form passes on every Node version.
  if (type === 'float16') return { type, dims, data, location: 'cpu' } as unknown as OrtTensor;
  return new OrtTensor(type, data, dims);
}

function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  const raw = type === 'float16' && !(data instanceof Uint16Array) ? bitsOf(data as unknown as ArrayBufferView) : data;
  return { type: type as Tensor['type'], dims, data: raw };
}

function bitsOf(view: ArrayBufferView): Uint16Array {
  return new Uint16Array(view.buffer, view.byteOffset, view.byteLength / Uint16Array.BYTES_PER_ELEMENT);
}

/** The runtime's load error without its paths and source lines, and with the remedy where one is known. */
function explain(path: string, raw: string): string {
  const file = basename(path);
  const message = raw.replaceAll(path, file);
  if (/Protobuf parsing failed|INVALID_PROTOBUF|does not have a graph/i.test(message)) {
    if (isLfsPointer(path)) return `${file}: is a pointer of Git LFS, and not the model itself: run \`git lfs pull\``;
    return `${file}: is not a complete ONNX file (truncated, or another format)`;
  }
  if (/Failed to construct locale|locale::facet/i.test(message)) {
    return `${file}: needs the locale en_US.UTF-8, which this machine does not have`;
  }
  const domain = /No opset import for domain '([^']*)'|domain_?version.*?'([^']*)'/i.exec(message);
  if (domain) return `${file}: needs operators of "${domain[1] ?? domain[2] ?? ''}", which this runtime does not have`;
  if (/Unsupported model IR version|opset \d+ is under development|only \*guarantees\* support/i.test(message)) {
    return `${file}: is of a newer ONNX version than this runtime: ${withoutPaths(message)}`;
  }
  if (/No such file|doesn't exist|NO_SUCHFILE/i.test(message)) {
    return `${file}: is missing, or refers to a missing data file`;
  }
  return `${file}: cannot be loaded: ${withoutPaths(message)}`;
}

const MOST_POINTER_BYTES = 1024;

/** Whether what was checked out only stands for a large file: Git LFS's specification has this first line. */
function isLfsPointer(path: string): boolean {
  try {
    return (
      statSync(path).size <= MOST_POINTER_BYTES && readFileSync(path, 'latin1').startsWith('version https://git-lfs.')
    );
  } catch {
    return false; // gone meanwhile
  }
}

function withoutPaths(message: string): string {
  return message.replace(/(?:[A-Za-z]:)?(?:\/[\w.@+-]+){2,}\/?/g, '…').slice(0, 300);
}
