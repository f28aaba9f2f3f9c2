import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import { type Tracer } from '../../common/trace.js';
import { WORKER_NUMBER } from '../../common/worker-number.js';
import { type Settings } from '../../config/settings.js';
import { RequestTrace, type ShownRuns } from './request-trace.js';
import { SpanWriter, type SpanWriterEvents } from './span-writer.js';

/** Longer values of attributes are cut: some come from clients. */
const MAX_VALUE = 1024;

/** Reads headers as they come. */
const HEADERS = {
  get: (headers: Readonly<Record<string, unknown>>, name: string) => headers[name] as string | string[] | undefined,
  keys: (headers: object) => Object.keys(headers),
};

/** Makes traces with OpenTelemetry. Nothing of it is global: whoever else uses it in this process is left alone. */
export interface OpenTelemetry extends Tracer {
  /** Sends the last spans, within two seconds. */
  stop(): Promise<void>;
}

/** @param endpoint the collector's, to which OTLP adds the path of traces */
export function startOpenTelemetry(endpoint: string, settings: Settings, events: SpanWriterEvents): OpenTelemetry {
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const provider = new TracerProvider({
    resource: resourceOf(settings),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.OTEL_TRACES_SAMPLER_ARG) }),
    spanLimits: { attributeValueLengthLimit: MAX_VALUE },
    spanProcessors: [new SpanWriter(new OTLPTraceExporter({ url }), events)],
  });
  const tracer = provider.getTracer('nestor');
  const propagator = new W3CTraceContextPropagator();
  const shown: ShownRuns = new WeakMap();
  return {
    begin: (headers, startedAt) =>
      new RequestTrace(tracer, shown, propagator.extract(ROOT_CONTEXT, headers, HEADERS), startedAt),
    stop: () => provider.shutdown(),
  };
}

/** What all spans say of where they come from; OTEL_RESOURCE_ATTRIBUTES wins over all but the service's name. */
function resourceOf({ OTEL_SERVICE_NAME }: Settings) {
  const ours = resourceFromAttributes({
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
    'process.pid': process.pid,
    'nestor.worker': WORKER_NUMBER,
  });
  return defaultResource()
    .merge(ours)
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector] }))
    .merge(resourceFromAttributes({ 'service.name': OTEL_SERVICE_NAME }));
}
