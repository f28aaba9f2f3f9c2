import { bearerChallenge } from './challenge.js';
import { DomainError } from './errors.js';
import { listed } from './listed.js';

/** What a caller may do: predict, read what is there, change it. None implies another. */
export const SCOPES = ['predict', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls, and what that one may do. There are principals only where AUTH is on. */
export class Principal {
  /** Those that it may use; undefined: all. */
  readonly models: readonly string[] | undefined;
  private readonly scopes: ReadonlySet<Scope>;

  /**
   * @param name of the API key, or the subject of the token: for logs and records
   * @param kind what it showed: a key and a token of one name are two callers
   */
  constructor(
    readonly name: string,
    scopes: Iterable<Scope>,
    models?: readonly string[],
    readonly kind: 'key' | 'token' = 'key',
  ) {
    this.scopes = new Set(scopes);
    this.models = models;
  }

  /** @throws DomainError `forbidden` without the scope */
  check(scope: Scope): void {
    if (this.scopes.has(scope)) return;
    throw new DomainError('forbidden', `This needs the scope "${scope}", which the caller does not have.`, {
      challenge: bearerChallenge('insufficient_scope', scope),
    });
  }

  mayUse(model: string): boolean {
    return this.models?.includes(model) ?? true;
  }

  /**
   * To be asked before anything else is said of a model: whether there is one of that name is no business of others.
   *
   * @throws DomainError `forbidden` where it may not use the model
   */
  checkModel(model: string): void {
    if (!this.mayUse(model)) throw this.isRestricted('may use no other model');
  }

  /** @throws DomainError `forbidden` where it may use some models only, and what is asked for is about all */
  checkAllModels(): void {
    if (this.models) throw this.isRestricted('may not see this, which is about all models');
  }

  private isRestricted(so: string): DomainError {
    return new DomainError('forbidden', `The caller is restricted to ${listed(this.models ?? [])}, and ${so}.`, {
      challenge: bearerChallenge('insufficient_scope'),
    });
  }
}
