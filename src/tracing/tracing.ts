import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Settings } from '../config/settings.js';
import { RequestObserver } from '../logging/request-observer.js';
import { Metrics } from '../metrics/metrics.js';
import { HttpFollower } from './http-follower.js';
import { type OpenTelemetry } from './otel/start.js';

/** Traces of requests, where OTEL_EXPORTER_OTLP_ENDPOINT says who collects them; else nothing of this is loaded. */
@Injectable()
export class Tracing implements OnModuleInit, OnApplicationShutdown {
  /** For transports beside HTTP, whose requests get theirs by the observer. */
  tracer: OpenTelemetry | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly observer: RequestObserver,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {}

  async onModuleInit(): Promise<void> {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = this.settings;
    if (endpoint === undefined) return;
    const { host } = new URL(endpoint); // without a password
    const { startOpenTelemetry } = await import('./otel/start.js');
    this.tracer = startOpenTelemetry(endpoint, this.settings, {
      onDropped: (spans) => {
        this.metrics.spansDropped.inc(spans);
      },
      onProblem: (problem) => {
        if (problem === undefined) this.logger.info(`Collector ${host} takes traces again`);
        else
          this.logger.warn(`Collector ${host} does not take traces (${problem}): requests are answered all the same`);
      },
    });
    this.observer.follower = new HttpFollower(this.tracer);
  }

  /** The server has answered its last request by now. */
  async onApplicationShutdown(): Promise<void> {
    if (!this.tracer) return;
    // Those that were cut off tell so at the end of this turn of the event loop.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    await this.tracer.stop();
  }
}
