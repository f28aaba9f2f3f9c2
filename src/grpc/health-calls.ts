import { type handleServerStreamingCall, type ServerWritableStream } from '@grpc/grpc-js';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { HealthService } from '../health/health.service.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { type Method } from './call.js';
import { INFERENCE_SERVICE } from './services.js';
import { UNAVAILABLE } from './status.js';

/** How often what is watched is looked at. */
const LOOK_MS = 500;

type ServingStatus = 'SERVING' | 'NOT_SERVING';

interface HealthRequest {
  service: string;
}

interface HealthResponse {
  status: ServingStatus | 'SERVICE_UNKNOWN';
}

type Watch = ServerWritableStream<HealthRequest, HealthResponse>;

/**
 * gRPC's health service: the empty name and the inference service's stand for the whole server, ready as
 * /health/ready has it; any other is a model's. It is asked for when somebody asks, never kept.
 */
@Injectable()
export class HealthCalls {
  readonly check: Method = {
    scope: 'read',
    isProbe: true,
    answer: ({ service }: HealthRequest) => {
      const status = this.statusOf(service);
      if (!status) throw new DomainError('model_not_found', 'There is no service or model of this name.');
      return { status };
    },
  };
  readonly list: Method = {
    scope: 'read',
    isProbe: true,
    answer: () => {
      const names = ['', INFERENCE_SERVICE, ...this.registry.list().map(({ name }) => name)];
      return { statuses: Object.fromEntries(names.map((name) => [name, { status: this.statusOf(name) }])) };
    },
  };
  private readonly watches = new Map<Watch, HealthResponse['status']>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly health: HealthService,
    private readonly registry: ModelRegistry,
  ) {}

  /** Tells a status at once, and again whenever it changes. */
  readonly watch: handleServerStreamingCall<HealthRequest, HealthResponse> = (call) => {
    call.once('cancelled', () => {
      this.watches.delete(call);
      if (this.watches.size === 0) clearInterval(this.timer);
    });
    if (this.watches.size === 0) this.timer = setInterval(this.look, LOOK_MS).unref();
    this.tell(call, this.statusOf(call.request.service) ?? 'SERVICE_UNKNOWN');
  };

  /** Tells those who watch what is so now, and ends their calls: they watch another server then. */
  leave(): void {
    this.look();
    for (const call of this.watches.keys())
      call.emit('error', { code: UNAVAILABLE, details: 'The server is about to stop.' });
  }

  /** However many watch the same, it is looked at once. */
  private readonly look = (): void => {
    const seen = new Map<string, HealthResponse['status']>();
    for (const call of this.watches.keys()) {
      const { service } = call.request;
      const status = seen.get(service) ?? this.statusOf(service) ?? 'SERVICE_UNKNOWN';
      seen.set(service, status);
      this.tell(call, status);
    }
  };

  private tell(call: Watch, status: HealthResponse['status']): void {
    if (this.watches.get(call) === status) return;
    this.watches.set(call, status);
    call.write({ status });
  }

  /** undefined for a name that stands for nothing. */
  private statusOf(service: string): ServingStatus | undefined {
    const isServer = service === '' || service === INFERENCE_SERVICE;
    const model = this.registry.find(service);
    if (!isServer && !model) return undefined;
    const isServing = !this.health.isDraining && (isServer ? this.health.isReady : model?.serves);
    return isServing ? 'SERVING' : 'NOT_SERVING';
  }
}
