/** The processes that serve together, this one among them. */
export abstract class Peers {
  /**
   * Has each of them look at what it should serve, and resolves once it is in force in all. One that ends meanwhile is
   * not waited for: its successor starts with it.
   *
   * @throws DomainError `deadline_exceeded` when one of them does not get done
   */
  abstract followAll(): Promise<void>;
}
