import { type Caller, CallerLeft } from '../../common/caller.js';
import { DomainError } from '../../common/errors.js';
import { quoted } from '../contract.js';
import { datatypeOf } from '../datatypes.js';
import { type InferResponse } from '../inference.js';
import { rawBytes } from '../raw-tensor.js';
import { isLarge, jsonOfLargeTensor, jsonOfTensor, NonFiniteElement } from '../texts.js';
import { type Tensor } from '../../inference/tensor.js';
import { type InferBody } from './infer-body.js';

/** An answer: its JSON, and the binary data that come after it. */
export interface InferAnswer {
  json: string;
  binary: readonly Uint8Array[];
}

/**
 * The answer in the form that its request asks for. The JSON is put together by hand, as that of a prediction is.
 *
 * @throws DomainError `non_finite_output`, `validation_failed` where it is too long for JSON; CallerLeft
 */
export async function answerOf(
  { model, version, outputs }: InferResponse,
  { id, outputs: asked, isBinary }: Pick<InferBody, 'id' | 'outputs' | 'isBinary'>,
  caller: Caller,
): Promise<InferAnswer> {
  const binary: Uint8Array[] = [];
  let list = '';
  for (const [position, { name, tensor }] of outputs.entries()) {
    list += `${list && ','}{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.type)}","shape":[${tensor.dims.join()}],`;
    if (asked[position]?.isBinary ?? isBinary) {
      const bytes = rawBytes(tensor);
      binary.push(bytes);
      list += `"parameters":{"binary_data_size":${bytes.byteLength}}}`;
    } else {
      const data = dataOf(name, tensor, caller);
      list += `"data":${typeof data === 'string' ? data : await data}}`;
    }
  }
  const idText = id === undefined ? '' : `,"id":${JSON.stringify(id)}`;
  const json = `{"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}${idText},"outputs":[${list}]}`;
  return { json, binary };
}

function dataOf(name: string, tensor: Tensor, caller: Caller): string | Promise<string> {
  const explained = (error: unknown): never => {
    throw explain(name, error);
  };
  if (isLarge(tensor)) {
    const go = () => {
      if (caller.hasLeft) throw new CallerLeft('the client has gone');
    };
    return jsonOfLargeTensor(tensor, go).catch(explained);
  }
  try {
    return jsonOfTensor(tensor);
  } catch (error) {
    return explained(error);
  }
}

function explain(name: string, error: unknown): unknown {
  const remedy = 'ask for it as binary data.';
  if (error instanceof NonFiniteElement) {
    const message = `The model's output ${quoted(name)} holds NaN or an infinity, which JSON cannot: ${remedy}`;
    return new DomainError('non_finite_output', message);
  }
  if (!(error instanceof RangeError)) return error;
  return new DomainError('validation_failed', `The model's output ${quoted(name)} is too long for JSON: ${remedy}`);
}
