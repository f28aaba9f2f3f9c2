import { Injectable } from '@nestjs/common';
import { beforeDeadline, type Caller, CallerLeft } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { RELEASE } from '../common/release.js';
import { type Tensor } from '../inference/tensor.js';
import { Metrics } from '../metrics/metrics.js';
import { ModelRegistry, type Resolved, type Target } from '../registry/model-registry.js';
import { checkContents } from './contents.js';
import { TensorContract } from './contract.js';
import { type InferResponse, type NamedTensor } from './inference.js';
import { type ModelMetadata, PLATFORM, type ServerMetadata, tensorsOf } from './metadata.js';

const NAME = 'nestor';
/** Of the protocol, beyond what each server has. */
const EXTENSIONS = ['binary_tensor_data', 'model_repository', 'statistics'] as const;

/** The Open Inference Protocol on the service's own data plane: tensors in, tensors out. It knows no transport. */
@Injectable()
export class OpenInferenceService {
  private server: ServerMetadata | undefined;

  constructor(
    private readonly registry: ModelRegistry,
    private readonly metrics: Metrics,
  ) {}

  /** As ModelRegistry.resolve. */
  resolve(target: Target, caller: Caller): Resolved | Promise<Resolved> {
    return this.registry.resolve(target, caller);
  }

  /**
   * Runs a version on inputs that its contract has accepted.
   *
   * @param outputs that its contract has, in the order of the answer
   * @throws DomainError `validation_failed` for elements that the model cannot be given, `rate_limited`,
   *   `inference_failed`, `overloaded`, `deadline_exceeded`; CallerLeft
   */
  async run(
    resolved: Resolved,
    inputs: readonly NamedTensor[],
    outputs: readonly string[],
    caller: Caller,
  ): Promise<InferResponse> {
    const { model, version, loaded } = resolved;
    checkContents(inputs);
    const contract = TensorContract.of(loaded.graph);
    const fetches = contract.fetchesOf(outputs);
    const letGo = loaded.hold(); // an allowance may be counted elsewhere
    const startedAt = performance.now();
    try {
      if (caller.allowance) await caller.allowance.take(rowsOf(inputs));
      const tensors = await loaded.infer(contract.inOrder(inputs), fetches, caller);
      const named = outputs.map((name) => ({ name, tensor: tensors[fetches.indexOf(name)] as Tensor }));
      loaded.statistics.answered(caller, startedAt);
      return { model, version, outputs: named };
    } catch (error) {
      loaded.statistics.failed(startedAt);
      this.countFailure(resolved, error);
      throw error;
    } finally {
      letGo();
    }
  }

  /** Counts a request that reached its model, and gets no answer. */
  countFailure({ model, version }: Resolved, error: unknown): void {
    if (error instanceof CallerLeft) return;
    this.metrics.failures.inc({ model, version, code: error instanceof DomainError ? error.code : 'internal' });
  }

  describeServer(): ServerMetadata {
    return (this.server ??= { name: NAME, version: RELEASE, extensions: EXTENSIONS });
  }

  /**
   * What a version takes and gives. A lazy one is loaded for it.
   *
   * @throws DomainError as `resolve`
   */
  async describeModel(name: string, version: string | undefined, caller: Caller): Promise<ModelMetadata> {
    const found = this.resolve({ model: name, pathVersion: version }, caller);
    const { loaded } = found instanceof Promise ? await beforeDeadline(found, caller, 'the model was loaded') : found;
    const { versions } = this.registry.model(name, caller);
    const serving = versions.filter(({ canServe }) => canServe).map((one) => one.version);
    return { name, versions: serving, platform: PLATFORM, ...tensorsOf(loaded.graph) };
  }

  /**
   * Whether a request for it would be answered, now or once a lazy version has been loaded for it.
   *
   * @throws DomainError `model_not_found`, `version_not_found`
   */
  isModelReady(name: string, version: string | undefined, caller: Caller): boolean {
    const model = this.registry.model(name, caller);
    return version === undefined ? model.serves : model.lookup(version).canServe;
  }
}

/** What a request counts as: by the batch axis of its longest input. */
function rowsOf(inputs: readonly NamedTensor[]): number {
  return Math.max(1, ...inputs.map(({ tensor }) => tensor.dims[0] ?? 1));
}
