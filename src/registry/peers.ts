/** The processes that serve on one port together; none but this one, where there are no workers. */
export abstract class Peers {
  /**
   * Has each of them look at what was decided, here, and what it should serve; resolves once it is in force in all. One that ends meanwhile is
   * not waited for: its successor starts with it.
   *
   * @throws DomainError `deadline_exceeded` when one of them does not get done
   */
  abstract followAll(): Promise<void>;
}
