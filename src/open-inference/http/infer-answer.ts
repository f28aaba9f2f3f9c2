import { DomainError } from '../../common/errors.js';
import { quoted } from '../contract.js';
import { datatypeOf } from '../datatypes.js';
import { type InferResponse } from '../inference.js';
import { rawBytes } from '../raw-tensor.js';
import { jsonOfTensor, NonFiniteElement } from '../texts.js';
import { type InferBody } from './infer-body.js';

/** An answer: its JSON, and the binary data that come after it. */
export interface InferAnswer {
  json: string;
  binary: readonly Uint8Array[];
}

/**
 * The answer in the form that its request asks for. The JSON is put together by hand, as that of a prediction is.
 *
 * @throws DomainError `non_finite_output`
 */
export function answerOf(
  { model, version, outputs }: InferResponse,
  { id, outputs: asked, isBinary }: Pick<InferBody, 'id' | 'outputs' | 'isBinary'>,
): InferAnswer {
  const binary: Uint8Array[] = [];
  let list = '';
  for (const [position, { name, tensor }] of outputs.entries()) {
    list += `${list && ','}{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.type)}","shape":[${tensor.dims.join()}],`;
    if (asked[position]?.isBinary ?? isBinary) {
      const bytes = rawBytes(tensor);
      binary.push(bytes);
      list += `"parameters":{"binary_data_size":${bytes.byteLength}}}`;
    } else {
      list += `"data":${dataOf(name, tensor)}}`;
    }
  }
  const idText = id === undefined ? '' : `,"id":${JSON.stringify(id)}`;
  const json = `{"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}${idText},"outputs":[${list}]}`;
  return { json, binary };
}

function dataOf(name: string, tensor: Parameters<typeof jsonOfTensor>[0]): string {
  try {
    return jsonOfTensor(tensor);
  } catch (error) {
    if (!(error instanceof NonFiniteElement)) throw error;
    const message = `The model's output ${quoted(name)} holds NaN or an infinity, which JSON cannot: ask for it as binary data.`;
    throw new DomainError('non_finite_output', message);
  }
}
