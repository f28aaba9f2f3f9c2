import { type ColumnType, type Generated } from 'kysely';

/** What the database holds. Times are ISO 8601 in UTC, as text, which sorts as they do. */
export interface Tables {
  decisions: DecisionsTable;
  events: EventsTable;
  predictions: PredictionsTable;
}

/** What operators decided, which wins over the model's files: `(model, kind, name) → value`. */
export interface DecisionsTable {
  model: string;
  kind: string;
  /** What the decision is about; empty where there is just one of its kind. */
  name: string;
  value: string;
  at: string;
  who: string | null;
}

/** What happened to models, a row each. */
export interface EventsTable {
  /** Grows in the order in which events were kept. */
  id: Generated<number>;
  /** Made where the event happened: what is written twice, since nobody knew whether it had been, is kept once. */
  key: ColumnType<string, string, never>;
  at: string;
  kind: string;
  model: string;
  version: string | null;
  label: string | null;
  from: string | null;
  to: string | null;
  why: string | null;
  who: string | null;
  host: string;
  worker: number;
}

/** Predictions that were given, a row each. */
export interface PredictionsTable {
  /** Grows in the order in which predictions were kept. PostgreSQL's driver gives so large a type as text. */
  id: ColumnType<number | string, never, never>;
  /** Made where the prediction was: those of one answer have the same. With `row` it is the key of what is written. */
  answer: string;
  row: number;
  request_id: string;
  at: string;
  /** Until when it is kept at most. */
  expires_at: string | null;
  model: string;
  version: string;
  digest: string;
  /** JSON. */
  features: string | null;
  /** JSON. */
  prediction: string;
  /** Seconds from the request to the prediction. */
  duration: number;
  /** 1 where the whole answer came from the cache, else 0. */
  cached: number;
  who: string | null;
}
