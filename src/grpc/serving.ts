import { type Http2Server } from 'node:http2';
import { type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { type handleServerStreamingCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { type Settings } from '../config/settings.js';
import { infer } from '../open-inference/grpc/infer.js';
import { type EncodedMethod } from './call.js';
import { Connections, type PathKind } from './connections.js';
import { type HealthCalls } from './health-calls.js';
import { type InferenceMethods } from './inference-methods.js';
import { loadProtocols, type Service, serviceOf } from './protocols.js';
import { HEALTH_SERVICE, INFERENCE_SERVICE } from './services.js';
import { type Surroundings } from './surroundings.js';
import { encoded, lasting, unary } from './unary.js';

/** Calls that one connection may make at the same time. */
const CALLS_PER_CONNECTION = 1000;
/**
 * Calls that one connection may have broken off, at once and in a second, before it is closed. Node's own 1,000 and 33
 * are passed by a proxy whose callers' deadlines expire, and all its other calls end with the connection.
 */
const CANCELLED_CALLS = { streamResetBurst: 10_000, streamResetRate: 1000 };
/** How often a connection on which nothing is called is tried, and how long its client may take to show that it is there. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** Connections last long, and each belongs to one process: those that age spread over the processes that there are now. */
const CONNECTION_AGE_MS = 600_000;

/** How long those who watch or reflect may take to hear that it is over. */
const LEAVE_MS = 200;

/**
 * V8 goes through the whole heap for each 64 MB of memory outside of it. The pieces of messages are such memory, which
 * nobody can give back by hand: with tensors of 128 KB that was six times a second. With this it is weighed as the heap
 * itself is, from the first client on: 265 µs of CPU a call in place of 335, and 120 MB more under that load.
 */
const WEIGH_ALL_MEMORY = '--external-memory-accounted-in-global-limit';

/** The library's server with all that it serves. Loading this takes 150 ms and 30 MB: it is left to the first client. */
export class Serving {
  private readonly server: Server;
  private readonly injector: ReturnType<Server['createConnectionInjector']>;
  private readonly connections: Connections;
  private readonly kinds = new Map<string, PathKind>();

  constructor(
    { BODY_LIMIT, BODIES_LIMIT, RECEIVE_TIMEOUT_MS }: Settings,
    private readonly methods: InferenceMethods,
    private readonly healthCalls: HealthCalls,
    private readonly surroundings: Surroundings,
  ) {
    setFlagsFromString(WEIGH_ALL_MEMORY);
    this.server = new Server({
      'grpc.max_receive_message_length': BODY_LIMIT,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': CALLS_PER_CONNECTION,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.enable_channelz': 0,
    });
    Object.assign(commonOptionsOf(this.server), CANCELLED_CALLS);
    const protocols = loadProtocols();
    this.addInference(serviceOf(protocols, INFERENCE_SERVICE));
    this.addHealth(serviceOf(protocols, HEALTH_SERVICE));
    new ReflectionService(protocols).addToServer(this.server);
    this.injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.connections = new Connections(
      http2ServerOf(this.server),
      {
        messageBytes: BODY_LIMIT,
        allMessagesBytes: BODIES_LIMIT,
        receiveMs: RECEIVE_TIMEOUT_MS,
        ageMs: CONNECTION_AGE_MS,
      },
      (path) => this.kindOf(path),
      () => {
        surroundings.observer.unknown();
      },
    );
  }

  /** Serves a connection. */
  take(socket: Socket): void {
    this.injector.injectConnection(socket);
  }

  /** As Connections.askToLeave. */
  askToLeave(): void {
    this.connections.askToLeave();
  }

  /** Takes no more calls; connections are closed as soon as those that it has taken are answered. */
  end(): void {
    this.healthCalls.leave();
    this.server.tryShutdown(() => undefined); // it says too early that they are
    setTimeout(() => {
      this.connections.end();
    }, LEAVE_MS).unref();
  }

  private addInference(service: Service): void {
    const { inference, byName } = this.methods;
    const modelInfer: EncodedMethod = {
      scope: 'predict',
      isProbe: false,
      answerEncoded: (message, call) => infer(inference, message, call.context, call.header('x-model-version')),
    };
    for (const [name, definition] of Object.entries(service)) {
      const method = byName[name];
      const answer = name === 'ModelInfer' ? modelInfer : method && encoded(method, definition);
      if (!answer) throw new Error(`${definition.path} has no method`);
      this.add(INFERENCE_SERVICE, name, answer);
    }
  }

  private addHealth(service: Service): void {
    const { check, list, watch } = this.healthCalls;
    const { Check, List, Watch } = service as Record<'Check' | 'List' | 'Watch', Service[string]>;
    this.add(HEALTH_SERVICE, 'Check', encoded(check, Check));
    this.add(HEALTH_SERVICE, 'List', encoded(list, List));
    const { path, responseSerialize, requestDeserialize } = Watch;
    const endpoint = { service: HEALTH_SERVICE, method: 'Watch' };
    const handle = lasting(endpoint, watch, this.surroundings) as handleServerStreamingCall<object, object>;
    this.server.register(path, handle, responseSerialize, requestDeserialize, 'serverStream');
    this.kinds.set(path, 'streams');
  }

  /** What reflection is called under is the library's business. */
  private kindOf(path: string): PathKind {
    return this.kinds.get(path) ?? (path.startsWith('/grpc.reflection.') ? 'streams' : 'unknown');
  }

  private add(service: string, name: string, method: EncodedMethod): void {
    const path = `/${service}/${name}`;
    const handle = unary({ service, method: name }, method, this.surroundings);
    this.kinds.set(path, 'unary');
    this.server.register(path, handle, asBytes, asBytes, 'unary');
  }
}

/** Messages stay bytes here: their methods read and write them. */
function asBytes(bytes: Buffer): Buffer {
  return bytes;
}

/** What the library makes its HTTP/2 server with; it lets nobody say more. */
function commonOptionsOf(server: Server): object {
  const { commonServerOptions } = server as unknown as { commonServerOptions?: object };
  if (!commonServerOptions) throw new Error('@grpc/grpc-js keeps the options of its HTTP/2 server elsewhere');
  return commonServerOptions;
}

/** The library shows no connections, and keeps its only HTTP/2 server to itself. */
function http2ServerOf(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { http2Servers: Map<Http2Server, unknown> };
  const [http2Server] = http2Servers.keys();
  if (!http2Server) throw new Error('@grpc/grpc-js keeps its HTTP/2 server elsewhere');
  return http2Server;
}
