import { type INestApplication, Module } from '@nestjs/common';
import { AccessGuard } from './auth/access.guard.js';
import { Authenticator } from './auth/authenticator.js';
import { Refusals } from './auth/refusals.js';

/** Who may call. */
@Module({ providers: [Authenticator, Refusals, AccessGuard], exports: [Authenticator, AccessGuard] })
export class SecurityModule {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly access: AccessGuard,
  ) {}

  /** Puts in front of every route what the settings ask for, and nothing where they ask for nothing. */
  guard(app: INestApplication): void {
    if (this.authenticator.isOn) app.useGlobalGuards(this.access);
  }
}
