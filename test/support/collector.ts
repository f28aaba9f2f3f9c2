import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './until.js';

type Value = string | number | boolean;

/** A span as it arrived. Times are in nanoseconds since 1970. */
export interface ReceivedSpan {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  traceState: string | undefined;
  start: bigint;
  end: bigint;
  /** 0 unset, 1 ok, 2 error. */
  status: number;
  attributes: Record<string, Value>;
  links: { traceId: string; spanId: string }[];
  resource: Record<string, Value>;
}

/** How a collector answers: as it should, not at all, late, or with a status. */
export type Mood = 'takes' | 'hangs' | 'slow' | number;

interface OtlpAttribute {
  key: string;
  value: { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };
}

type OtlpSpan = Record<'name' | 'traceId' | 'spanId' | 'startTimeUnixNano' | 'endTimeUnixNano', string> & {
  kind: number;
  parentSpanId?: string;
  traceState?: string;
  status: { code?: number };
  attributes: OtlpAttribute[];
  links?: { traceId: string; spanId: string }[];
};

interface OtlpRequest {
  resourceSpans: { resource: { attributes: OtlpAttribute[] }; scopeSpans: { spans: OtlpSpan[] }[] }[];
}

/** A collector of traces: OTLP in JSON over HTTP, as OpenTelemetry's has it. */
export class Collector {
  readonly spans: ReceivedSpan[] = [];
  mood: Mood = 'takes';
  requests = 0;
  readonly paths = new Set<string>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(port = 0): Promise<Collector> {
    const collector = new Collector();
    collector.server.listen(port, '127.0.0.1');
    await once(collector.server, 'listening');
    return collector;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits until all spans of so many traces are there: each has one of a server, which is sent last. */
  async traces(count: number): Promise<Map<string, ReceivedSpan[]>> {
    await until(() => this.spans.filter(({ kind }) => kind === 2).length >= count);
    return Map.groupBy(this.spans, ({ traceId }) => traceId);
  }

  /** Takes what has arrived away, and waits for one more trace. */
  async trace(): Promise<ReceivedSpan[]> {
    await this.traces(1);
    return this.spans.splice(0);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    this.paths.add(`${request.method ?? ''} ${request.url ?? ''}`);
    const { mood } = this;
    const body = (await json(request)) as OtlpRequest;
    if (mood === 'hangs') return;
    if (mood === 'slow') await sleep(500);
    response.setHeader('Content-Type', 'application/json');
    if (typeof mood === 'number') response.statusCode = mood;
    else this.take(body);
    response.end('{}');
  }

  private take({ resourceSpans }: OtlpRequest): void {
    for (const { resource, scopeSpans } of resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        this.spans.push({
          name: span.name,
          kind: span.kind,
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId,
          traceState: span.traceState,
          start: BigInt(span.startTimeUnixNano),
          end: BigInt(span.endTimeUnixNano),
          status: span.status.code ?? 0,
          attributes: toRecord(span.attributes),
          links: span.links ?? [],
          resource: toRecord(resource.attributes),
        });
  }
}

function toRecord(attributes: readonly OtlpAttribute[]): Record<string, Value> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const { stringValue, intValue, doubleValue, boolValue } = value;
      return [key, stringValue ?? boolValue ?? Number(intValue ?? doubleValue)];
    }),
  );
}
