import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { BackgroundWriter } from '../../common/background-writer.js';
import { firstLine } from '../../common/errors.js';
import { within } from '../../common/within.js';

/** Spans that wait for the collector, about a kilobyte each; beyond them the oldest are dropped. */
const MAX_WAITING = 10_000;
/** Spans in one request to the collector: they are written as JSON on the HTTP thread, 5 µs each. */
const BATCH = 200;
/** Milliseconds that such a request may take, with those that the exporter makes again by itself. */
const EXPORT_MS = 30_000;

export interface SpanWriterEvents {
  onDropped: (spans: number) => void;
  /** Told when the collector begins to fail or fails in another way, and with undefined when it takes spans again. */
  onProblem: (problem: string | undefined) => void;
}

/** Sends ended spans to the collector, in the background: one that is away, slow or broken delays nothing. */
export class SpanWriter implements SpanProcessor {
  private problem: string | undefined;
  private readonly writer: BackgroundWriter<ReadableSpan>;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly events: SpanWriterEvents,
  ) {
    this.writer = new BackgroundWriter<ReadableSpan>({
      write: (spans) => this.write([...spans]),
      isAway: (error) => statusOf(error) === undefined,
      batchSize: BATCH,
      mostWaiting: MAX_WAITING,
      onLost: ({ count }) => {
        events.onDropped(count);
      },
    });
  }

  onStart(): void {
    // nothing is known of it yet
  }

  onEnd(span: ReadableSpan): void {
    this.writer.add(span);
  }

  forceFlush(): Promise<void> {
    return this.writer.flush();
  }

  async shutdown(): Promise<void> {
    await this.writer.stop();
  }

  private async write(spans: ReadableSpan[]): Promise<void> {
    try {
      await within(EXPORT_MS, this.export(spans), () => new Error('no answer'));
      this.tell(undefined);
    } catch (error) {
      this.tell(problemOf(error));
      throw error;
    }
  }

  private export(spans: ReadableSpan[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.exporter.export(spans, ({ code, error }: ExportResult) => {
        if (code === ExportResultCode.SUCCESS) resolve();
        else reject(error ?? new Error('not taken'));
      });
    });
  }

  private tell(problem: string | undefined): void {
    if (problem === this.problem) return;
    this.problem = problem;
    this.events.onProblem(problem);
  }
}

/** The status with which the collector refused spans for good; undefined where it may take them later. */
function statusOf(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** In one line, and without what the collector has to say. */
function problemOf(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined) return `it answers ${status}`;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : firstLine(error);
}
