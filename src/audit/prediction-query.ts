import { type QueryReaders, readQuery, wholeNumber, wrong } from '../http/query.js';
import { type ModelPage, type RequestPage } from './kept-predictions.js';

const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;
/** RFC 3339, or a day alone, which begins at midnight UTC. */
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/i;

const limit = wholeNumber(MAX_LIMIT);
const id = wholeNumber(Number.MAX_SAFE_INTEGER);

const OF_REQUEST: QueryReaders<RequestPage> = { limit, after: id };
const OF_MODEL: QueryReaders<ModelPage> = { limit, before: id, since: time, until: time };

/** @throws DomainError `validation_failed` */
export function toRequestPage(given: Readonly<Record<string, unknown>>): RequestPage {
  return { limit: DEFAULT_LIMIT, ...readQuery(OF_REQUEST, given) };
}

/** @throws DomainError `validation_failed` */
export function toModelPage(given: Readonly<Record<string, unknown>>): ModelPage {
  return { limit: DEFAULT_LIMIT, ...readQuery(OF_MODEL, given) };
}

function time(text: string) {
  const date = new Date(TIME.test(text) ? text.toUpperCase() : NaN);
  return Number.isNaN(date.valueOf()) ? wrong('must be a time such as 2026-11-24T02:00:00Z') : date.toISOString();
}
