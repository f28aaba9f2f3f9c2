import { didYouMean } from '../common/did-you-mean.js';
import { DomainError, type FieldProblem } from '../common/errors.js';
import { isValidName } from '../registry/version-name.js';
import { EVENT_KINDS, type EventKind, type EventQuery } from '../history/event.js';

const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;
export const MAX_ID = 2 ** 31 - 1;

/** Reads each parameter, or says what it must be. */
const READERS = {
  limit: (text: string) => wholeNumber(text, MAX_LIMIT),
  before: (text: string) => wholeNumber(text, MAX_ID),
  model: (text: string) => (isValidName(text) ? text : problem('must be the name of a model')),
  kind: (text: string) =>
    (EVENT_KINDS as readonly string[]).includes(text)
      ? (text as EventKind)
      : problem(`must be one of ${EVENT_KINDS.join(', ')}${didYouMean(text, EVENT_KINDS)}`),
};

/**
 * The query string of GET /v1/events.
 *
 * @throws DomainError `validation_failed` naming every parameter that is wrong or not known
 */
export function toEventQuery(given: Readonly<Record<string, unknown>>): EventQuery {
  const errors: FieldProblem[] = [];
  const read: Partial<Record<string, unknown>> = {};
  for (const [name, value] of Object.entries(given)) {
    const reader = Object.hasOwn(READERS, name) ? READERS[name as keyof typeof READERS] : undefined;
    const result = !reader
      ? problem(`is not known here${didYouMean(name, Object.keys(READERS))}`)
      : typeof value === 'string'
        ? reader(value)
        : problem('must be given once');
    if (typeof result === 'object') errors.push({ path: `?${name.slice(0, 64)}`, ...result });
    else read[name] = result;
  }
  const [first] = errors;
  if (first) {
    throw new DomainError('validation_failed', `The parameter ${first.path} ${first.message}.`, { errors });
  }
  return { limit: DEFAULT_LIMIT, ...read };
}

function wholeNumber(text: string, max: number) {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= max ? number : problem(`must be a whole number from 1 to ${max}`);
}

function problem(message: string): { message: string; code: string } {
  return { message, code: message.startsWith('is not known') ? 'unknown' : 'invalid' };
}
