import { sourceAt } from '../../common/json-source.js';
import { type DataType, type Tensor } from '../../inference/tensor.js';
import { type ContractInput, failed, type TensorContract } from '../contract.js';
import { elementBytes } from '../datatypes.js';
import { type NamedTensor } from '../inference.js';
import { readRaw, readText } from '../raw-tensor.js';
import { countElements } from '../shape.js';
import { ofInput, TensorProblem } from '../tensor-problem.js';
import { InexactInteger, tensorOfDigits, tensorOfValues } from '../values.js';
import { type SentInput } from './infer-body.js';

/** A request's bytes: its JSON, and the binary data after it. */
export interface SentBytes {
  json: Buffer;
  binary: Buffer;
}

/**
 * The tensors of a request. Whatever can be told by names, datatypes, shapes and sizes is checked before one is made.
 *
 * @throws DomainError `validation_failed`
 */
export function readInputs(contract: TensorContract, inputs: readonly SentInput[], sent: SentBytes): NamedTensor[] {
  const wanted = contract.check(inputs);
  const needed = inputs.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  if (needed !== sent.binary.length)
    throw failed([`the binary data have ${sent.binary.length} bytes, and the inputs' binary_data_size need ${needed}`]);
  let end = 0;
  return inputs.map((input, position) => {
    const start = end;
    end += input.bytes ?? 0;
    const { name } = input;
    const { type } = (wanted[position] as ContractInput).info;
    const binary = sent.binary.subarray(start, end);
    return { name, tensor: ofInput(name, () => readInput(type, input, binary, sent.json, position)) };
  });
}

function readInput(
  type: DataType,
  { shape, data, bytes }: SentInput,
  binary: Buffer,
  json: Buffer,
  position: number,
): Tensor {
  const count = countElements(shape) as number;
  if (bytes !== undefined) return readRaw(type, shape, count, binary);
  try {
    return tensorOfValues(type, shape, count, data);
  } catch (error) {
    if (!(error instanceof InexactInteger)) throw error;
    return tensorOfDigits(type, shape, count, sourceAt(json.toString(), ['inputs', position, 'data']));
  }
}

/**
 * The one input of a model as the whole body, without a word about it. Its shape is the model's; of the sizes that the
 * model leaves open one is told by the number of bytes, and the batch is one row where another is open, too. A text is
 * the only element of its tensor.
 *
 * @throws DomainError `validation_failed`
 */
export function readRawInput(contract: TensorContract, body: Buffer): NamedTensor {
  const input = contract.onlyInput;
  if (!input) throw failed(['a body that is one raw tensor is for models with one input']);
  const { name, type } = input.info;
  const tensor = ofInput(name, () => {
    const size = elementBytes(type);
    const dims = rawShape(input, size === undefined ? 1 : body.length / size);
    const count = countElements(dims);
    if (size !== undefined) return readRaw(type, dims, count ?? Infinity, body);
    if (count !== 1) throw new TensorProblem(`takes ${input.text}, and a raw body is one text`);
    return { type, dims, data: [readText(body)] };
  });
  return { name, tensor };
}

/** The shape of so many elements. */
function rawShape({ info, isOpen, text }: ContractInput, elements: number): number[] {
  const dims = isOpen ? [undefined] : info.shape.map((dim) => (typeof dim === 'number' ? dim : undefined));
  if (dims.filter(isUnknown).length > 1 && isUnknown(dims[0])) dims[0] = 1;
  if (dims.filter(isUnknown).length > 1)
    throw new TensorProblem(`takes ${text}, and the number of bytes does not tell its sizes`);
  const known = dims.reduce<number>((product, dim) => product * (dim ?? 1), 1);
  return dims.map((dim) => dim ?? (known === 0 ? 0 : Math.floor(elements / known)));
}

function isUnknown(dim: number | undefined): boolean {
  return dim === undefined;
}
