import { type Answer, type Service } from '../support/service.js';

/** One tensor of an answer: its values as JSON has them, or its bytes. */
export interface OutputTensor {
  name: string;
  datatype: string;
  shape: number[];
  data?: unknown[];
  bytes?: Buffer;
}

export interface Inferred {
  status: number;
  headers: Headers;
  /** The JSON; fails where it is not. */
  json: Answer['json'];
  outputs: OutputTensor[];
}

/** A client of the protocol, as its text has it. */
export class Client {
  constructor(private readonly service: Service) {}

  /** Posts a JSON request. */
  infer(model: string, request: object, headers: Record<string, string> = {}): Promise<Inferred> {
    return this.send(model, Buffer.from(JSON.stringify(request)), { 'Content-Type': 'application/json', ...headers });
  }

  /** Posts a JSON request with binary data after it. */
  inferBinary(
    model: string,
    request: object,
    data: readonly Uint8Array[],
    headers: Record<string, string> = {},
  ): Promise<Inferred> {
    const json = Buffer.from(JSON.stringify(request));
    const type = { 'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': String(json.length) };
    return this.send(model, Buffer.concat([json, ...data]), { ...type, ...headers });
  }

  /** Posts bytes as they are. @param model as in the path: perhaps with a version */
  async send(model: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Inferred> {
    const url = `${this.service.url}/v2/models/${model}/infer`;
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(body), headers });
    return readAnswer(response.status, response.headers, Buffer.from(await response.arrayBuffer()));
  }
}

/** Takes the body of an answer apart. */
export function readAnswer(status: number, headers: Headers, body: Buffer): Inferred {
  const length = Number(headers.get('inference-header-content-length') ?? body.length);
  const json = JSON.parse(body.subarray(0, length).toString()) as Answer['json'];
  let at = length;
  const outputs = ((json.outputs ?? []) as (OutputTensor & { parameters?: { binary_data_size?: number } })[]).map(
    ({ parameters, ...output }) => {
      const size = parameters?.binary_data_size;
      if (size === undefined) return output;
      at += size;
      return { ...output, bytes: body.subarray(at - size, at) };
    },
  );
  if (at !== body.length) throw new Error(`${String(body.length - at)} bytes after the last output`);
  return { status, headers, json, outputs };
}
