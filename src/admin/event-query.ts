import { didYouMean } from '../common/did-you-mean.js';
import { EVENT_KINDS, type EventKind, type EventQuery } from '../history/event.js';
import { type QueryReaders, readQuery, wholeNumber, wrong } from '../http/query.js';
import { isValidName } from '../registry/version-name.js';

const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;
export const MAX_ID = 2 ** 31 - 1;

const READERS: QueryReaders<Omit<EventQuery, 'among'>> = {
  limit: wholeNumber(MAX_LIMIT),
  before: wholeNumber(MAX_ID),
  model: (text) => (isValidName(text) ? text : wrong('must be the name of a model')),
  kind: (text) =>
    (EVENT_KINDS as readonly string[]).includes(text)
      ? (text as EventKind)
      : wrong(`must be one of ${EVENT_KINDS.join(', ')}${didYouMean(text, EVENT_KINDS)}`),
};

/**
 * The query string of GET /v1/events.
 *
 * @throws DomainError `validation_failed` naming every parameter that is wrong or not known
 */
export function toEventQuery(given: Readonly<Record<string, unknown>>): EventQuery {
  return { limit: DEFAULT_LIMIT, ...readQuery(READERS, given) };
}
