import { randomUUID } from 'node:crypto';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type Insertable } from 'kysely';
import { PinoLogger } from 'nestjs-pino';
import { BackgroundWriter, type Lost } from '../common/background-writer.js';
import { type Caller } from '../common/caller.js';
import { DomainError, firstLine } from '../common/errors.js';
import { isoNow } from '../common/iso-now.js';
import { News } from '../common/news.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { insertNew } from '../database/insert-new.js';
import { type PredictionsTable } from '../database/tables.js';
import { Metrics } from '../metrics/metrics.js';
import { type Resolved } from '../registry/model-registry.js';
import { type Prediction } from '../signature/prediction.js';
import { keptPrediction, keptRow } from './kept-text.js';
import { Retention } from './retention.js';
import { isSampled } from './sample.js';

/** Rows in one statement, which is put together on the HTTP thread. */
const BATCH = 100;
/** Characters that wait for the database; beyond them the oldest predictions are lost. */
const MAX_WAITING = 32 * 1024 ** 2;
/** What a prediction takes in memory besides its texts. */
const OVERHEAD = 500;
/** Milliseconds between two looks for predictions whose time is up. */
const LOOK_EVERY_MS = 60_000;

const WRITTEN = [
  'answer', 'row', 'request_id', 'at', 'expires_at', 'model', 'version', 'digest',
  'features', 'prediction', 'duration', 'cached', 'who',
] as const; // prettier-ignore

/**
 * Takes down the predictions that are given, for those who must be able to say later what was answered. A model's
 * author asks for it, by `log` in model.yaml. It waits for nothing and breaks nothing: rows are written in the
 * background, and wait in memory while the database is away.
 *
 * Invariants: the value of a redacted name goes no further than `record`; of an answer all rows are taken down, or none;
 * each is kept once, unless it is lost, which is counted.
 */
@Injectable()
export class PredictionLog implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly writer = new BackgroundWriter<Insertable<PredictionsTable>>({
    write: (batch) => this.write(batch),
    isAway: (error) => error instanceof DomainError, // the database has said so
    batchSize: BATCH,
    mostWaiting: MAX_WAITING,
    weigh: ({ features, prediction }) => OVERHEAD + (features?.length ?? 0) + prediction.length,
    onLost: (lost) => {
      this.tell(lost);
    },
  });
  private readonly retention: Retention;
  /** Rows written since the oldest were last let go. */
  private untrimmed = 0;
  private looks: NodeJS.Timeout | undefined;
  private readonly news = new News();
  private readonly process = randomUUID();
  private count = 0;

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {
    this.retention = new Retention(database, settings.PREDICTIONS_KEPT);
  }

  onApplicationBootstrap(): void {
    void this.retention.pass();
    // Processes that started together need not look together.
    const everyMs = LOOK_EVERY_MS * (0.9 + Math.random() / 5);
    this.looks = setInterval(() => void this.retention.pass(), everyMs).unref();
  }

  /**
   * Takes the predictions of one answer down, where its request is in the sample: in the next turn of the event loop,
   * when the answer has been written. Never throws, and never waits.
   *
   * @param isCached whether the whole answer came from the cache
   */
  record(
    { model, version, loaded, log }: Resolved,
    rows: readonly unknown[],
    predictions: readonly Prediction[],
    { id, startedAt = performance.now(), principal }: Caller,
    isCached = false,
  ): void {
    if (!log || id === undefined || !isSampled(id, log.sample)) return;
    const answer = {
      answer: `${this.process}-${this.count++}`,
      request_id: id,
      at: isoNow(),
      expires_at: log.keepMs === undefined ? null : new Date(Date.now() + log.keepMs).toISOString(),
      model,
      version,
      digest: loaded.digest,
      duration: Math.round((performance.now() - startedAt) * 1000) / 1e6,
      // PostgreSQL has no text with a zero in it.
      who: principal?.name.replaceAll('\0', '') ?? null,
      cached: Number(isCached),
    };
    setImmediate(() => {
      try {
        const kept = predictions.map((prediction, row) => ({
          ...answer,
          row,
          features: keptRow(rows[row], log.redact),
          prediction: keptPrediction(prediction),
        }));
        for (const one of kept) this.writer.add(one);
      } catch (error) {
        this.tell({ count: predictions.length, error, isNews: this.news.isDue() }); // a mistake of ours ends no process
      }
    });
  }

  /** Writes what waits now; resolves also where the database is away. */
  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** The database closes after this. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.looks);
    this.retention.stop();
    await this.writer.stop();
  }

  private async write(batch: readonly Insertable<PredictionsTable>[]): Promise<void> {
    await insertNew(this.database, 'predictions', WRITTEN, 'answer, row', batch);
    this.untrimmed += batch.length;
    if (this.untrimmed < this.settings.PREDICTIONS_KEPT / 10) return;
    this.untrimmed = 0;
    void this.retention.pass(); // beside what is written next
  }

  private tell({ count, error, isNews }: Lost): void {
    this.metrics.predictionsDropped.inc(count);
    if (!isNews) return;
    if (error === undefined)
      this.logger.warn('The prediction log loses predictions, the oldest first: the database is away, or too slow');
    else this.logger.error(`The prediction log loses ${count}, which could not be written (${firstLine(error)})`);
  }
}
