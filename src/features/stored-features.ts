import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Metrics } from '../metrics/metrics.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { Notices } from '../registry/notices.js';
import { type Row } from '../signature/columns.js';
import { type Lookup } from '../signature/lookup.js';
import { type Signature } from '../signature/signature.js';
import { BadStoredFeatures, completeRows } from './complete-rows.js';
import { FeatureTable, type Found } from './feature-table.js';
import { LookupSource } from './lookup-source.js';
import { Slots } from './slots.js';

/** Milliseconds between two looks at whether the tables are there: they may come, go and change at any time. */
const LOOK_EVERY_MS = 5000;

/** A version, for metrics and messages. */
interface Named {
  model: string;
  version: string;
}

/** A signature some of whose features are stored. */
export type LookingUp = Signature & { lookup: Lookup };

/** Completes rows with the features that are stored for their keys. */
@Injectable()
export class StoredFeatures implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly sources = new WeakMap<Lookup, LookupSource>();
  private readonly slots: Slots;
  private readonly notices: Notices;
  private timer: NodeJS.Timeout | undefined;
  private isStopping = false;

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly registry: ModelRegistry,
    private readonly metrics: Metrics,
    logger: PinoLogger,
  ) {
    this.slots = new Slots(database.readers);
    this.notices = new Notices(logger);
  }

  onApplicationBootstrap(): void {
    this.lookLater();
  }

  onApplicationShutdown(): void {
    this.isStopping = true;
    clearTimeout(this.timer);
  }

  /** What keeps the stored features of a version from being read, in a line for its operator; undefined where nothing does. */
  problemOf({ lookup }: Signature): string | undefined {
    return lookup && this.sources.get(lookup)?.problem;
  }

  /**
   * Rows with what is stored for their keys, all of it read in one query; those without a key as they are.
   *
   * @param rows that were checked as they were sent
   * @param rowPath where a row stands in what was sent, as a JSON pointer
   * @throws DomainError `features_not_found`, `stored_features_invalid`, `dependency_unavailable`, `overloaded`,
   *   `deadline_exceeded`; CallerLeft
   */
  async complete(
    named: Named,
    signature: LookingUp,
    rows: readonly Row[],
    rowPath: (row: number) => string,
    caller: Caller,
  ): Promise<Row[]> {
    const { lookup } = signature;
    const source = this.sourceOf(lookup, named);
    const keys = rows.flatMap((row) => lookup.keyOf(row) ?? []);
    const started = performance.now();
    let result: 'found' | 'missing' | 'invalid' | 'failed' = 'failed';
    try {
      const found: Found = await source.find([...new Set(keys)], caller);
      const complete = completeRows(signature, lookup, rows, found, rowPath);
      result = 'found';
      return complete;
    } catch (error) {
      if (error instanceof BadStoredFeatures) {
        result = 'invalid';
        for (const column of error.columns) source.complain(column);
      } else if (error instanceof DomainError && error.code === 'features_not_found') {
        result = 'missing';
      }
      throw error;
    } finally {
      const ms = performance.now() - started;
      caller.lookupMs += ms;
      const labels = { model: named.model, version: named.version };
      this.metrics.lookupSeconds.observe(labels, ms / 1000);
      this.metrics.lookupRows.inc({ ...labels, result }, keys.length);
    }
  }

  private lookLater(): void {
    if (this.isStopping) return;
    this.timer = setTimeout(() => {
      void this.look().then(() => {
        this.lookLater();
      });
    }, LOOK_EVERY_MS).unref();
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    this.notices.begin();
    for (const { name: model, versions } of this.registry.list()) {
      for (const { version, loaded } of versions) {
        const lookup = loaded?.signature?.lookup;
        if (lookup) await this.sourceOf(lookup, { model, version }).look();
      }
    }
    this.notices.end();
  }

  private sourceOf(lookup: Lookup, { model, version }: Named): LookupSource {
    const known = this.sources.get(lookup);
    if (known) return known;
    const options = {
      model,
      slots: this.slots,
      mostQueries: Math.ceil(this.database.readers / 2),
      mostWaiting: this.settings.QUEUE_LIMIT,
      onQuery: (keys: number) => {
        this.metrics.lookupKeys.observe({ model, version }, keys);
      },
    };
    const tell = (line: string) => {
      this.notices.tell(line, 'warn');
    };
    const source = new LookupSource(lookup, new FeatureTable(lookup, this.database), options, tell);
    this.sources.set(lookup, source);
    return source;
  }
}
