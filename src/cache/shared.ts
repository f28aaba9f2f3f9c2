import { setImmediate as turnEnd } from 'node:timers/promises';
import { type Redis } from '../redis/redis.js';
import { fromText, type Kept, toText } from './kept.js';

/** Rows that one command asks for; a request with more missing ones is run without asking. */
const MOST_ROWS = 1000;
/** Characters of a prediction that are kept there: a larger one takes as long to fetch as to make. */
const MOST_TEXT = 16 * 1024;

/** What is asked for together. */
interface Question {
  names: string[];
  /** In the order of the names; undefined where there is no answer. */
  texts: Promise<(string | null)[] | undefined>;
}

/** An entry that is to be kept. */
interface Entry {
  name: string;
  text: string;
  ttlMs: number;
}

/**
 * Predictions in Redis, where all replicas find them. It fails nothing: what cannot be had or kept is made anew.
 *
 * What requests look for in the same turn of the event loop goes in one command, and so does what they keep: a command
 * costs this process as much as a small prediction.
 */
export class Shared {
  private question: Question | undefined;
  private entries: Entry[] = [];

  constructor(private readonly redis: Redis) {}

  /** Whether it is of use to look. */
  get isThere(): boolean {
    return this.redis.isThere;
  }

  /** @param maxAgeMs one that is older does not count */
  async get(keys: readonly string[], maxAgeMs: number, ttlMs: number): Promise<(Kept | undefined)[]> {
    if (keys.length > MOST_ROWS) return [];
    if (!this.question || this.question.names.length + keys.length > MOST_ROWS) this.question = this.newQuestion();
    const { names, texts } = this.question;
    const from = names.length;
    names.push(...keys.map(nameOf));
    const found = ((await texts) ?? []).slice(from, from + keys.length);
    const oldest = performance.now() - maxAgeMs;
    return found.map((text) => {
      const kept = text === null || text.length > MOST_TEXT ? undefined : fromText(text, ttlMs);
      return kept && kept.madeAt > oldest ? kept : undefined;
    });
  }

  /** Waits for nothing. */
  set(key: string, kept: Kept, ttlMs: number): void {
    if (!this.isThere || this.entries.length === MOST_ROWS) return;
    const text = toText(kept);
    if (text.length > MOST_TEXT) return;
    this.entries.push({ name: nameOf(key), text, ttlMs });
    if (this.entries.length === 1) void turnEnd().then(() => this.write());
  }

  private newQuestion(): Question {
    const names: string[] = [];
    const texts = turnEnd().then(() => {
      if (this.question?.names === names) this.question = undefined;
      return this.redis.ask((client) => client.mget(names));
    });
    return { names, texts };
  }

  private async write(): Promise<void> {
    const entries = this.entries;
    this.entries = [];
    await this.redis.ask(async (client) => {
      const pipeline = client.pipeline();
      for (const { name, text, ttlMs } of entries) pipeline.set(name, text, 'PX', ttlMs);
      const failure = (await pipeline.exec())?.find(([error]) => error)?.[0];
      if (failure) throw failure;
    });
  }
}

function nameOf(key: string): string {
  return `prediction:${key}`;
}
