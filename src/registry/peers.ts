import { type VersionFigures } from './version-statistics.js';

/** What an operator decided on: a model's default or labels, or one of its versions. */
export interface Decided {
  model: string;
  version?: string;
}

/** The processes that serve on one port together; none but this one, where there are no workers. */
export abstract class Peers {
  /**
   * Has each of them take over what was decided here; resolves once it is in force in all. One that ends meanwhile is
   * not waited for: its successor starts with it.
   *
   * @throws DomainError `deadline_exceeded` when one of them does not get done
   */
  abstract adopt(decided: Decided): Promise<void>;

  /** What each of them has counted, and those that have ended; `own` is what this one has. */
  abstract statistics(own: readonly VersionFigures[]): Promise<readonly VersionFigures[]>;
}
