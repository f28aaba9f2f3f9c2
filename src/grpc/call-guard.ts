import { Injectable } from '@nestjs/common';
import { LocalOnly } from '../admin/local-only.guard.js';
import { DomainError } from '../common/errors.js';
import { type Call, type Scope } from './call.js';

/** Stands before each method: decides who may call it, by its scope and the call's metadata. */
@Injectable()
export class CallGuard {
  constructor(private readonly localOnly: LocalOnly) {}

  /** @throws DomainError `forbidden` */
  admit(call: Call, scope: Scope): void {
    if (scope !== 'admin') return;
    const why = this.localOnly.objection(call);
    if (why !== undefined) throw new DomainError('forbidden', why);
  }
}
