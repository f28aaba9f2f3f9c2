/** What events are about: a version's state, or what an operator decided. */
export const EVENT_KINDS = ['state', 'default', 'label', 'load', 'unload'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Something that happened to a model. */
export interface ModelEvent {
  kind: EventKind;
  model: string;
  version?: string | undefined;
  label?: string | undefined;
  /** What it was before, and what it is now: states, versions or labels. */
  from?: string | undefined;
  to?: string | undefined;
  why?: string | undefined;
  /** Who did it; undefined for what the service did by itself. */
  who?: string | undefined;
}

/** An event as it was kept. */
export interface KeptEvent {
  /** Grows in the order in which events were kept. */
  id: number;
  /** ISO 8601, UTC. */
  at: string;
  kind: EventKind;
  model: string;
  version: string | null;
  label: string | null;
  from: string | null;
  to: string | null;
  why: string | null;
  who: string | null;
  /** The machine that it happened on. */
  host: string;
  /** Number of the worker process; 0 where there is one process. */
  worker: number;
}

/** Which events are asked for. */
export interface EventQuery {
  limit: number;
  /** Only those kept before the one with this id. */
  before?: number | undefined;
  model?: string | undefined;
  kind?: EventKind | undefined;
  /** Only those of models among these. */
  among?: readonly string[] | undefined;
}
