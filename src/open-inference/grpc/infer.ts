import { beforeDeadline } from '../../common/caller.js';
import { giveBack } from '../../common/give-back.js';
import { type RequestContext } from '../../common/request-context.js';
import { type DataType, type Tensor } from '../../inference/tensor.js';
import { type ContractInput, failed, quoted, TensorContract } from '../contract.js';
import { datatypeOf } from '../datatypes.js';
import { type NamedTensor } from '../inference.js';
import { type OpenInferenceService } from '../open-inference.service.js';
import { checkInputParameters, checkOutputParameters, timeoutOf } from '../parameters.js';
import { readRaw } from '../raw-tensor.js';
import { countElements } from '../shape.js';
import { ofInput } from '../tensor-problem.js';
import { readInferRequest, type SentInput, type SentRequest } from './infer-request.js';
import { writeInferResponse } from './infer-response.js';
import { readContents } from './typed-contents.js';

/**
 * Answers a ModelInfer call: an encoded ModelInferRequest in, an encoded ModelInferResponse out.
 *
 * @param headerVersion what the call's metadata says of the version
 * @throws DomainError as OpenInferenceService.resolve and run, and `validation_failed`; CallerLeft
 */
export async function infer(
  inference: OpenInferenceService,
  message: Buffer,
  context: RequestContext,
  headerVersion: string | undefined,
): Promise<Buffer> {
  const request = readInferRequest(message);
  const { model, version, outputs, id } = request;
  context.deadline = Math.min(context.deadline, context.startedAt + (timeoutOf(request.parameters) ?? Infinity));
  const found = inference.resolve({ model, pathVersion: version === '' ? undefined : version, headerVersion }, context);
  const resolved = found instanceof Promise ? await beforeDeadline(found, context, 'the model was loaded') : found;
  context.isFor(resolved);
  const contract = TensorContract.of(resolved.loaded.graph);
  checkParameters(request);
  const wanted = contract.outputs(outputs.map(({ name }) => name));
  const inputs = readInputs(request, contract.check(request.inputs));
  const isViewed = inputs.some(({ tensor }) => !Array.isArray(tensor.data) && tensor.data.buffer === message.buffer);
  // Large memory is given back as soon as nobody looks at it. Where this fails, a run that nobody waits for still may.
  if (!isViewed) giveBackMessage(message);
  const response = await inference.run(resolved, inputs, wanted, context);
  giveBackTensors(inputs);
  if (isViewed) giveBackMessage(message);
  const answer = writeInferResponse(response, id);
  giveBackTensors(response.outputs);
  return answer;
}

function giveBackTensors(tensors: readonly NamedTensor[]): void {
  for (const { tensor } of tensors) if (!Array.isArray(tensor.data)) giveBack(tensor.data);
}

/** Bytes that stand before a message in memory, as before it was taken out of its frame. */
const FRAME_BYTES = 5;

function giveBackMessage(message: Buffer): void {
  const { buffer, byteOffset, byteLength } = message;
  if (byteOffset === FRAME_BYTES) giveBack(new Uint8Array(buffer, 0, FRAME_BYTES + byteLength));
  else giveBack(message);
}

function checkParameters({ inputs, outputs }: SentRequest): void {
  for (const { name, parameters } of inputs) checkInputParameters(parameters, `input ${quoted(name)}`);
  for (const { name, parameters } of outputs) checkOutputParameters(parameters, `output ${quoted(name)}`);
}

/** @throws DomainError `validation_failed` */
function readInputs({ inputs, raw }: SentRequest, accepted: readonly ContractInput[]): NamedTensor[] {
  if (raw.length > 0) checkRaw(inputs, raw);
  return inputs.map((input, index) => {
    const { name } = input;
    const { type } = (accepted[index] as ContractInput).info;
    return { name, tensor: ofInput(name, () => readTensor(type, input, raw[index])) };
  });
}

function readTensor(type: DataType, { shape, contents }: SentInput, raw: Buffer | undefined): Tensor {
  const count = countElements(shape) as number; // the contract has accepted the shape
  if (raw) return readRaw(type, shape, count, raw);
  return { type, dims: shape, data: readContents(datatypeOf(type), type, count, contents ?? NOTHING) };
}

const NOTHING = Buffer.alloc(0);

function checkRaw(inputs: readonly SentInput[], raw: readonly Buffer[]): void {
  const typed = inputs.find(({ contents }) => contents !== undefined);
  if (typed) throw failed([`input ${quoted(typed.name)} has contents beside raw_input_contents: send one of them`]);
  if (raw.length !== inputs.length)
    throw failed([
      `the message has ${raw.length} raw_input_contents for ${inputs.length} inputs: it needs one for each`,
    ]);
}
