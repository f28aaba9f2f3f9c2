import { beforeDeadline } from '../../common/caller.js';
import { DomainError } from '../../common/errors.js';
import { type RequestContext } from '../../common/request-context.js';
import { type Tensor } from '../../inference/tensor.js';
import { type Resolved } from '../../registry/model-registry.js';
import { type ContractInput, failed, quoted, TensorContract } from '../contract.js';
import { datatypeOf } from '../datatypes.js';
import { type NamedTensor } from '../inference.js';
import { type OpenInferenceService } from '../open-inference.service.js';
import { RawDataProblem, readRaw } from '../raw-tensor.js';
import { countElements } from '../shape.js';
import { readInferRequest, type SentInput, type SentRequest } from './infer-request.js';
import { writeInferResponse } from './infer-response.js';
import { readContents } from './typed-contents.js';

/**
 * Answers a ModelInfer call: an encoded ModelInferRequest in, an encoded ModelInferResponse out.
 *
 * @param headerVersion what the call's metadata says of the version
 * @throws DomainError as OpenInferenceService.infer; CallerLeft
 */
export async function infer(
  inference: OpenInferenceService,
  message: Buffer,
  context: RequestContext,
  headerVersion: string | undefined,
): Promise<Buffer> {
  const request = readInferRequest(message);
  const { model, version, outputs, id } = request;
  const found = inference.resolve({ model, pathVersion: version === '' ? undefined : version, headerVersion });
  const resolved = found instanceof Promise ? await beforeDeadline(found, context, 'the model was loaded') : found;
  note(resolved, context);
  const contract = TensorContract.of(resolved.loaded.graph);
  const inputs = readInputs(request, contract.check(request.inputs));
  const wanted = contract.outputs(outputs.map(({ name }) => name));
  return writeInferResponse(await inference.run(resolved, inputs, wanted, context), id);
}

/** Names the version that answers in the log and in the answer's metadata, an error's too; its author may limit the time. */
function note({ model, version, loaded }: Resolved, context: RequestContext): void {
  context.deadline = Math.min(context.deadline, context.startedAt + loaded.timeoutMs);
  context.model = model;
  context.version = version;
}

/** @param accepted for each input, the model's */
function readInputs({ inputs, raw }: SentRequest, accepted: readonly ContractInput[]): NamedTensor[] {
  if (raw.length > 0) checkRaw(inputs, raw);
  return inputs.map((input, index) => {
    try {
      return { name: input.name, tensor: readTensor(input, accepted[index] as ContractInput, raw[index]) };
    } catch (error) {
      if (error instanceof RawDataProblem) throw failed([`input ${quoted(input.name)} ${error.message}`]);
      if (error instanceof DomainError) throw error;
      throw failed([`input ${quoted(input.name)} has contents that are not in the encoding of protobuf`]);
    }
  });
}

function readTensor(
  { shape, contents = NOTHING }: SentInput,
  { info }: ContractInput,
  raw: Buffer | undefined,
): Tensor {
  const { type } = info;
  const count = countElements(shape) as number; // the contract has accepted the shape
  if (raw) return readRaw(type, shape, count, raw);
  return { type, dims: shape, data: readContents(datatypeOf(type), type, count, contents) };
}

const NOTHING = Buffer.alloc(0);

function checkRaw(inputs: readonly SentInput[], raw: readonly Buffer[]): void {
  const typed = inputs.find(({ contents }) => contents !== undefined);
  if (typed)
    throw failed([`input ${quoted(typed.name)} has typed contents beside raw_input_contents: send one of them`]);
  if (raw.length !== inputs.length)
    throw failed([`raw_input_contents has ${raw.length} parts for ${inputs.length} inputs: it needs one for each`]);
}
