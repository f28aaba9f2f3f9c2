import { type ServerWritableStream } from '@grpc/grpc-js';
import { Injectable } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { HealthService } from '../health/health.service.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { type LastingMethod, type Method } from './call.js';
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
 * /health/ready has it, whatever it depends on; any other is a model's. It is asked for when somebody asks, never kept.
 */
@Injectable()
export class HealthCalls {
  readonly check: Method = {
    scope: 'read',
    isProbe: true,
    answer: ({ service }: HealthRequest, { context }) => {
      checkMayKnow(service, context);
      const status = this.statusOf(service);
      if (!status) throw new DomainError('model_not_found', 'There is no service or model of this name.');
      return { status };
    },
  };
  readonly list: Method = {
    scope: 'read',
    isProbe: true,
    answer: (_: object, { context }) => {
      const names = ['', INFERENCE_SERVICE, ...this.registry.visibleTo(context).map(({ name }) => name)];
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
  readonly watch: LastingMethod<HealthRequest, HealthResponse> = {
    scope: 'read',
    isProbe: true,
    open: (call, { context }) => {
      const { service } = call.request;
      checkMayKnow(service, context);
      call.once('cancelled', () => {
        this.watches.delete(call);
        if (this.watches.size === 0) clearInterval(this.timer);
      });
      if (this.watches.size === 0) this.timer = setInterval(this.look, LOOK_MS).unref();
      this.tell(call, this.statusOf(service) ?? 'SERVICE_UNKNOWN');
    },
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
    const model = this.registry.find(service);
    if (!isServer(service) && !model) return undefined;
    const isServing = !this.health.isDraining && (isServer(service) ? this.health.isReady : model?.serves);
    return isServing ? 'SERVING' : 'NOT_SERVING';
  }
}

function isServer(service: string): boolean {
  return service === '' || service === INFERENCE_SERVICE;
}

/** @throws DomainError `forbidden` where the caller is restricted to other models */
function checkMayKnow(service: string, { principal }: Caller): void {
  if (!isServer(service)) principal?.checkModel(service);
}
