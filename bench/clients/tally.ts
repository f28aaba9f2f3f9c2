import { type Answer } from './http-client.ts';
import { isRight, type KnownQuestion } from './known-rows.ts';

/** How long an answer took, and after how long it may say that the time is up. */
export interface Timing {
  waitedMs: number;
  deadlineMs: number;
}

/** Timers fire a little early. */
const EARLY_MS = 5;

const EXAMPLES = 20;
const LONGEST_EXAMPLE = 500;
/** It would make each example another one. */
const REQUEST_ID = /,"request_id":"[^"]*"/;

/** What became of all requests. */
export class Tally {
  /** How often, by kind of client, then by status or what else became of a request. */
  readonly counts: Record<string, Record<string, number>> = {};
  /** Answers that belong to another row or are no prediction. */
  wrong = 0;
  /** Requests that had no answer. */
  unanswered = 0;
  /** Answers that a client of this kind must not get. */
  unexpected = 0;
  /** The first of all of these, in words. */
  readonly examples: string[] = [];

  answered(kind: string, question: KnownQuestion, answer: Answer, { waitedMs, deadlineMs }: Timing): void {
    const { status } = answer;
    this.count(kind, String(status));
    if (status === 200) {
      if (isRight(answer, question)) return;
      this.wrong++;
      this.example(`${kind}: wanted ${question.wanted.slice(0, 3).join(', ')}, got ${answer.text}`);
      return;
    }
    const isRefusal = status === 503 && codeOf(answer) === 'overloaded' && Number(answer.headers['retry-after']) > 0;
    const isExpiry = status === 504 && codeOf(answer) === 'deadline_exceeded' && waitedMs >= deadlineMs - EARLY_MS;
    if (isRefusal || isExpiry) return;
    this.unexpected++;
    const text = answer.text.replace(REQUEST_ID, '');
    this.example(`${kind}: ${status} with Retry-After ${String(answer.headers['retry-after'])}: ${text}`);
  }

  /** The client went before the answer came. */
  left(kind: string): void {
    this.count(kind, 'left');
  }

  failed(kind: string, error: unknown): void {
    this.count(kind, 'unanswered');
    this.unanswered++;
    this.example(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
  }

  private count(kind: string, what: string): void {
    const counts = (this.counts[kind] ??= {});
    counts[what] = (counts[what] ?? 0) + 1;
  }

  private example(text: string): void {
    const short = text.slice(0, LONGEST_EXAMPLE);
    if (this.examples.length < EXAMPLES && !this.examples.includes(short)) this.examples.push(short);
  }
}

function codeOf({ text }: Answer): unknown {
  try {
    return (JSON.parse(text) as { code?: unknown }).code;
  } catch {
    return undefined;
  }
}
