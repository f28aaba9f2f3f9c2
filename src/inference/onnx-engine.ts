import { Injectable } from '@nestjs/common';
import { basename } from 'node:path';
import './without-telemetry.js';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { Settings } from '../config/settings.js';
import { DomainError, firstLine } from '../common/errors.js';
import { type Graph, InferenceEngine, ModelFileProblem, type Session } from './engine.js';
import { DATA_TYPES, type Tensor, type TensorInfo, type Tensors } from './tensor.js';

/** ONNX Runtime behind the engine's port. The only file that imports onnxruntime-node. */
@Injectable()
export class OnnxEngine extends InferenceEngine {
  constructor(private readonly settings: Settings) {
    super();
  }

  async load(path: string): Promise<Session> {
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(path, this.options());
    } catch (error) {
      throw new ModelFileProblem(explain(path, firstLine(error)), { cause: error });
    }
    try {
      return new OnnxSession(session, readGraph(basename(path), session));
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /** Threads are always set: the runtime's own default is the host's cores, not the container's. */
  private options(): InferenceSession.SessionOptions {
    return {
      intraOpNumThreads: this.settings.INFERENCE_THREADS,
      interOpNumThreads: 1,
      // Failures reach the log through errors; the runtime's own lines on stderr would show paths and inputs.
      logSeverityLevel: 4,
      // Waiting threads sleep instead of spinning: 29 ms of CPU a second while idle instead of 291.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
  }
}

class OnnxSession implements Session {
  constructor(
    private readonly session: InferenceSession,
    readonly graph: Graph,
  ) {}

  async run(inputs: Tensors, outputs: readonly string[]): Promise<Tensors> {
    const feeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of inputs) feeds[name] = toOrt(tensor);
    try {
      const results = await this.session.run(feeds, outputs);
      return new Map(outputs.map((name) => [name, fromOrt(results[name] as OrtTensor)]));
    } catch (error) {
      throw new DomainError('inference_failed', 'The model failed on this input.', { cause: error });
    }
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

function readGraph(file: string, { inputMetadata, outputMetadata }: InferenceSession): Graph {
  const graph = {
    inputs: inputMetadata.map((input) => toTensorInfo(file, input)),
    outputs: outputMetadata.filter(({ isTensor }) => isTensor).map((output) => toTensorInfo(file, output)),
    unsupportedOutputs: outputMetadata.filter(({ isTensor }) => !isTensor).map(({ name }) => name),
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

function withoutPaths(message: string): string {
  return message.replace(/(?:[A-Za-z]:)?(?:\/[\w.@+-]+){2,}\/?/g, '…').slice(0, 300);
}
