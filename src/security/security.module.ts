import { type INestApplication, Module } from '@nestjs/common';
import { AccessGuard } from './auth/access.guard.js';
import { Authenticator } from './auth/authenticator.js';
import { Refusals } from './auth/refusals.js';
import { LimitsModule } from './limits/limits.module.js';

/** Who may call, and how much. */
@Module({
  imports: [LimitsModule],
  providers: [Authenticator, Refusals, AccessGuard],
  exports: [Authenticator, AccessGuard, LimitsModule],
})
export class SecurityModule {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly access: AccessGuard,
  ) {}

  /** Puts in front of every route what the settings ask for, and nothing where they ask for nothing. */
  async guard(app: INestApplication): Promise<void> {
    if (this.authenticator.isOn) app.useGlobalGuards(this.access);
    await app.get(LimitsModule).guard(app); // second: whoever is known is limited by name
  }
}
