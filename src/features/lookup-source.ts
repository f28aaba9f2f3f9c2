import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { StatementProblem } from '../database/database.js';
import { type Lookup } from '../signature/lookup.js';
import { type FeatureTable, type Found } from './feature-table.js';
import { LookupQueue } from './lookup-queue.js';
import { type Slots } from './slots.js';

/** Seconds after which a caller may ask again for what cannot be read. */
const RETRY_AFTER_S = 5;
/** What databases say of a table that is not there. */
const IS_MISSING = /no such table|relation .* does not exist/;

interface LookupSourceOptions {
  model: string;
  slots: Slots;
  mostQueries: number;
  mostWaiting: number;
  /** Told how many keys a query asks for. */
  onQuery: (keys: number) => void;
}

/** What is stored for the rows of one version, and what keeps it from being read. */
export class LookupSource {
  /** One line for the operator; undefined while it can be read, and until that is known. */
  problem: string | undefined;
  private readonly queue: LookupQueue;

  constructor(
    private readonly lookup: Lookup,
    private readonly table: FeatureTable,
    private readonly options: LookupSourceOptions,
    /** Takes a line for the operator. */
    private readonly tell: (line: string) => void,
  ) {
    this.queue = new LookupQueue({ ...options, find: (keys) => this.ask(keys) });
  }

  /** @throws DomainError `dependency_unavailable`, `overloaded`, `deadline_exceeded`; CallerLeft */
  find(keys: readonly string[], caller: Caller): Promise<Found> {
    return this.queue.find(keys, caller);
  }

  /** Looks whether it can be read. Never rejects. */
  async look(): Promise<void> {
    try {
      await this.table.look();
      this.problem = undefined;
    } catch (error) {
      if (error instanceof StatementProblem) this.fail(error);
    }
  }

  /** Tells that a column holds what its feature cannot be. */
  complain(column: string): void {
    this.tell(`Column ${column} of ${this.place} holds what cannot be used: who asks for it is told why`);
  }

  private async ask(keys: readonly string[]): Promise<Found> {
    this.options.onQuery(keys.length);
    try {
      return await this.table.find(keys);
    } catch (error) {
      if (!(error instanceof StatementProblem)) throw error;
      this.fail(error);
      const { model } = this.options;
      const told = `The stored features of ${model} cannot be read: the log says why.`;
      throw new DomainError('dependency_unavailable', told, { retryAfter: RETRY_AFTER_S });
    }
  }

  private fail({ message }: StatementProblem): void {
    this.problem = message;
    const remedy = IS_MISSING.test(message) ? '; `nestor features import` makes a table' : '';
    this.tell(`${this.place} cannot be read (${message}): rows with ${this.lookup.key} are answered 503${remedy}`);
  }

  /** The same for all versions, so that what is told of it is told once. */
  private get place(): string {
    return `${this.lookup.table}, where ${this.options.model} looks up features,`;
  }
}
