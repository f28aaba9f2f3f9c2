import { beforeDeadline, type Caller } from '../common/caller.js';
import { Crew } from './crew.js';

/** A run under way, and what it brings for each of its rows. */
interface Flight<T> {
  readonly crew: Crew;
  /** Nothing that it brings is older, in milliseconds. */
  readonly maxAgeMs: number;
  /** Rows of the request that it was begun for. */
  readonly rows: number;
  readonly landed: Promise<readonly T[]>;
}

/** The place of a row in a flight. */
interface Seat<T> {
  flight: Flight<T>;
  index: number;
}

/** A request for what is not there yet. */
export interface Demand<T> {
  /** Of its rows. */
  keys: readonly string[];
  caller: Caller;
  /** What is older will not do, in milliseconds. */
  maxAgeMs: number;
  /** Begins a run for some of the rows, by their places. Called at once; never throws. */
  begin: (rows: readonly number[], crew: Crew) => Promise<readonly T[]>;
  /** Told how many rows take part in what was begun for others, or for the same row. */
  onShared: (rows: number) => void;
}

/**
 * The runs under way, by their rows: rows that are the same share one.
 *
 * Invariants: nobody waits for a run of more rows than he asks for himself; a run goes on for as long as one of those
 * who share it waits, whoever began it; it fails only the request that it was begun for. Who waits is answered at his
 * own deadline at the latest.
 */
export class Flights<T> {
  private readonly seats = new Map<string, Seat<T>>();

  /**
   * What runs under way, and one of its own for the rest, bring for each row of a request; undefined where that was
   * begun for another request and failed.
   *
   * @throws what its own run fails of; DomainError `deadline_exceeded`
   */
  async bring(demand: Demand<T>): Promise<(T | undefined)[]> {
    const { caller } = demand;
    const { seats, own } = this.board(demand);
    const flights = [...new Set(seats.map(({ flight }) => flight))];
    const landings = flights.map(({ landed }) => (landed === own.landed ? landed : landed.catch(() => undefined)));
    try {
      const landed = await beforeDeadline(Promise.all(landings), caller, 'the model had answered');
      const results = new Map(flights.map((flight, place) => [flight, landed[place]]));
      return seats.map(({ flight, index }) => results.get(flight)?.[index]);
    } finally {
      for (const { crew } of flights) crew.leave(caller);
    }
  }

  /** A seat for each row, in flights under way or in its own. */
  private board(demand: Demand<T>): { seats: Seat<T>[]; own: Flight<T> } {
    const { keys, caller, maxAgeMs, begin, onShared } = demand;
    const { promise: landed, resolve, reject } = Promise.withResolvers<readonly T[]>();
    const own: Flight<T> = { crew: new Crew(), maxAgeMs, rows: keys.length, landed };
    const rows: number[] = [];
    const seats = keys.map((key, row) => {
      const there = this.seats.get(key);
      const seat = there && suits(there.flight, own) ? there : { flight: own, index: rows.push(row) - 1 };
      if (seat !== there) this.seats.set(key, seat);
      seat.flight.crew.join(caller);
      return seat;
    });
    if (rows.length < keys.length) onShared(keys.length - rows.length);
    if (rows.length > 0) {
      const land = () => {
        for (const row of rows) this.vacate(keys[row] as string, own);
      };
      begin(rows, own.crew).finally(land).then(resolve, reject);
    }
    return { seats, own };
  }

  private vacate(key: string, flight: Flight<T>): void {
    if (this.seats.get(key)?.flight === flight) this.seats.delete(key);
  }
}

function suits<T>(flight: Flight<T>, wanted: Flight<T>): boolean {
  return flight.rows <= wanted.rows && flight.maxAgeMs <= wanted.maxAgeMs;
}
