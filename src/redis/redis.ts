import { type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type Redis as Client } from 'ioredis';
import { PinoLogger } from 'nestjs-pino';
import { firstLine } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { placeOf, problemOf } from '../database/problem.js';
import { Metrics } from '../metrics/metrics.js';
import { answerWithin, Late } from './answer.js';

/** Milliseconds between two attempts while it is away: doubled from the first to the last, until it answers in time. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5000;
/** How often a server that nothing is asked of is looked at: so health tells that it went away. */
const LOOK_EVERY_MS = 5000;
/** Milliseconds for which an answer that did not come in time is still waited for, by nobody. */
const LATE_MS = 250;
/** So many late answers, with none in time between them, are as bad as none. */
const MOST_LATE = 3;
/** Milliseconds between two lines of the log about what it refuses. */
const REFUSAL_EVERY_MS = 60_000;

/**
 * Redis, for what is better shared by all replicas and can be done without. It is connected to in the background, and
 * whoever asks it something never waits longer than REDIS_TIMEOUT_MS, and not at all while it is away.
 *
 * A circuit breaker sees to that. The first answer that is not there in time opens it: from then on nothing is sent, so
 * nothing piles up before a server that hangs. The answer comes late: it closes again. It does not come, or too many
 * come late: the connection is given up, and another one is tried until it answers in time.
 */
export class Redis implements OnApplicationBootstrap, OnApplicationShutdown {
  /** What keeps it from working, in one line; undefined while it works, and until that is known. */
  problem: string | undefined;
  /** Present while the circuit is closed. */
  private client: Client | undefined;
  /** The connection, whether or not it is asked now. */
  private connection: Client | undefined;
  private late = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private timer: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private lastRefusal = -Infinity;
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {
    metrics.registry.registerMetric(metrics.redisUp);
    metrics.onScrape(() => {
      metrics.redisUp.set(this.client ? 1 : 0);
    });
  }

  onApplicationBootstrap(): void {
    void this.open();
    this.looking = setInterval(() => void this.ask((client) => client.ping()), LOOK_EVERY_MS).unref();
  }

  /** Whoever uses it shuts down before it. */
  onApplicationShutdown(): void {
    this.isClosed = true;
    clearInterval(this.looking);
    clearTimeout(this.timer);
    this.client = undefined;
    this.connection?.disconnect();
  }

  /** Whether it would be asked now. */
  get isThere(): boolean {
    return this.client !== undefined;
  }

  /**
   * What Redis answers; undefined where it is away, refuses, or does not answer within REDIS_TIMEOUT_MS: what was to be
   * written may be there all the same. Never rejects.
   *
   * @param work sends one command or several; keys get the prefix `nestor:`
   */
  async ask<T>(work: (client: Client) => Promise<T>): Promise<T | undefined> {
    const { client } = this;
    if (!client) return undefined;
    let answer: Promise<T> | undefined;
    try {
      answer = work(client);
      const given = await answerWithin(this.settings.REDIS_TIMEOUT_MS, answer);
      this.late = 0;
      this.pauseMs = FIRST_PAUSE_MS;
      return given;
    } catch (error) {
      if (answer && error instanceof Late) this.waitLonger(client, answer);
      else if ((error as Error).name === 'ReplyError') this.refused(error);
      else this.metrics.redisFailures.inc({ kind: 'lost' }); // `close` has told, or is about to
      return undefined;
    }
  }

  private async open(): Promise<void> {
    try {
      const { connect } = await import('./connect.js');
      const client = await connect(this.url, this.settings.REDIS_TIMEOUT_MS);
      if (this.isClosed) {
        client.disconnect();
        return;
      }
      this.connection = client;
      this.client = client;
      client.once('close', () => {
        this.lose(client, 'connection lost');
      });
      if (this.problem !== undefined) this.logger.info(`Redis ${this.place} is back`);
      this.problem = undefined;
    } catch (error) {
      this.isAway(error instanceof Late ? error.message : problemOf(error));
    }
  }

  /** Opens the circuit until an answer comes. Of those that are late at the same time the first counts. */
  private waitLonger(client: Client, answer: Promise<unknown>): void {
    this.metrics.redisFailures.inc({ kind: 'timeout' });
    if (this.client !== client) return;
    this.openCircuit();
    const { REDIS_TIMEOUT_MS } = this.settings;
    const comes = answerWithin(
      LATE_MS,
      answer.catch(() => undefined),
    );
    comes.then(
      () => {
        if (this.connection !== client || client.status !== 'ready') return; // `close` has told, or is about to
        this.late++;
        if (this.late < MOST_LATE) this.client = client;
        else this.lose(client, `its answers take longer than ${REDIS_TIMEOUT_MS} ms`);
      },
      () => {
        this.lose(client, 'no answer');
      },
    );
  }

  /** What it answers with an error: it is there, and has answered in time. */
  private refused(error: unknown): void {
    this.metrics.redisFailures.inc({ kind: 'refused' });
    const now = performance.now();
    if (now - this.lastRefusal < REFUSAL_EVERY_MS) return;
    this.lastRefusal = now;
    // Redis may repeat what was sent.
    const [why] = firstLine(error).split(', with args');
    this.logger.error(`Redis ${this.place} refuses what it is asked (${why}): it is done without`);
  }

  private lose(client: Client, problem: string): void {
    if (this.connection !== client) return;
    this.connection = undefined;
    if (this.client) this.openCircuit();
    client.disconnect();
    this.isAway(problem);
  }

  private openCircuit(): void {
    this.client = undefined;
    this.metrics.redisOpens.inc();
  }

  private isAway(problem: string): void {
    if (this.isClosed) return;
    if (problem !== this.problem)
      this.logger.error(`Redis ${this.place} is away (${problem}): it is done without, and tried again`);
    this.problem = problem;
    this.timer = setTimeout(() => void this.open(), this.pauseMs).unref();
    this.pauseMs = Math.min(2 * this.pauseMs, LAST_PAUSE_MS);
  }

  private get place(): string {
    return placeOf(this.url);
  }
}
