import {
  type CallOptions,
  Client,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadProtocols, type Service, serviceOf } from '../../src/grpc/protocols.js';
import { HEALTH_SERVICE, INFERENCE_SERVICE } from '../../src/grpc/services.js';

const protocols = loadProtocols();
const SERVICES: Record<string, Service> = {
  [INFERENCE_SERVICE]: serviceOf(protocols, INFERENCE_SERVICE),
  [HEALTH_SERVICE]: serviceOf(protocols, HEALTH_SERVICE),
};

/** How a call ended. */
export interface Reply {
  /** gRPC's status; 0: OK. */
  code: number;
  details: string;
  /** The answer; empty where it failed. */
  response: Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests read answers freely
  /** Metadata before the answer, and after it. */
  headers: Record<string, unknown>;
  trailers: Record<string, unknown>;
}

export interface CallSettings {
  service?: string;
  metadata?: Record<string, string>;
  /** Milliseconds from now on. */
  deadlineMs?: number;
  options?: CallOptions;
}

/** A client on a connection of its own. */
export class GrpcClient {
  private readonly client: Client;

  /** @param address host and port */
  constructor(address: string, options: ClientOptions = {}) {
    this.client = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      ...options,
    });
  }

  /** Calls a method, and never fails. */
  call(method: string, request: object = {}, settings: CallSettings = {}): Promise<Reply> {
    return this.start(method, request, settings).reply;
  }

  /** As `call`, for one that is to be cancelled. */
  start(
    method: string,
    request: object,
    settings: CallSettings = {},
  ): { call: ClientUnaryCall; reply: Promise<Reply> } {
    const { requestSerialize, path } = this.method(method, settings);
    return this.sendBytes(path, requestSerialize(request), settings);
  }

  /** Sends bytes as the message of a call. */
  sendBytes(path: string, bytes: Buffer, settings: CallSettings = {}) {
    const [, , name = ''] = path.split('/');
    const { responseDeserialize = (message: Buffer): object => message } =
      SERVICES[settings.service ?? INFERENCE_SERVICE]?.[name] ?? {};
    const reply = Promise.withResolvers<Reply>();
    let headers: Record<string, unknown> = {};
    const call = this.client.makeUnaryRequest(
      path,
      (message: Buffer) => message,
      responseDeserialize,
      bytes,
      toMetadata(settings),
      toOptions(settings),
      (error: ServiceError | null, response?: object) => {
        const { code = 0, details = '', metadata } = error ?? {};
        reply.resolve({ code, details, response: response ?? {}, headers, trailers: metadata?.getMap() ?? {} });
      },
    );
    call.on('metadata', (metadata: Metadata) => (headers = metadata.getMap()));
    return { call, reply: reply.promise };
  }

  /** Calls a method that answers again and again. */
  stream(method: string, request: object, settings: CallSettings = {}): ClientReadableStream<object> {
    const { path, requestSerialize, responseDeserialize } = this.method(method, settings);
    return this.client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      toMetadata(settings),
    );
  }

  /** Raw tensors in, raw tensors out. */
  infer(model: string, inputs: readonly RawInput[], more: object = {}, settings: CallSettings = {}): Promise<Reply> {
    const request = {
      model_name: model,
      inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
      raw_input_contents: inputs.map(({ bytes }) => bytes),
      ...more,
    };
    return this.call('ModelInfer', request, settings);
  }

  close(): void {
    this.client.close();
  }

  private method(name: string, { service = INFERENCE_SERVICE }: CallSettings): Service[string] {
    const method = SERVICES[service]?.[name];
    if (!method) throw new Error(`there is no ${service}/${name}`);
    return method;
  }
}

export interface RawInput {
  name: string;
  datatype: string;
  shape: number[];
  bytes: Uint8Array;
}

function toMetadata({ metadata = {} }: CallSettings): Metadata {
  const made = new Metadata();
  for (const [name, value] of Object.entries(metadata)) made.set(name, value);
  return made;
}

function toOptions({ deadlineMs, options = {} }: CallSettings): CallOptions {
  return deadlineMs === undefined ? options : { ...options, deadline: Date.now() + deadlineMs };
}
