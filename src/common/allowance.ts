/** What one request may take of RATE_LIMIT. */
export interface Allowance {
  /**
   * Takes so many rows, less those that this request has taken before: all of them or none.
   *
   * @throws DomainError `rate_limited`
   */
  take(rows: number): Promise<void>;
  /** What its answer says of the limit, as a flat list: name and value in turn. */
  readonly headers: readonly string[];
}
