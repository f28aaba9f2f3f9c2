import { stat } from 'node:fs/promises';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { firstLine } from '../../common/errors.js';
import { type Principal } from '../../common/principal.js';
import { SettingsProblem } from '../../config/read-settings.js';
import { Settings } from '../../config/settings.js';
import { ApiKeys } from './api-keys.js';
import { type Credentials, onlyOne } from './credentials.js';
import { Refusals } from './refusals.js';
import { type Tokens } from './tokens.js';
import { Unauthorized } from './unauthorized.js';

/** Tells who calls, for every transport. */
@Injectable()
export class Authenticator implements OnModuleInit, OnApplicationShutdown {
  /** What is to be told at the start, a line each. */
  readonly hints: string[] = [];
  private readonly keys: ApiKeys;
  private tokens: Tokens | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly refusals: Refusals,
    private readonly logger: PinoLogger,
  ) {
    this.keys = new ApiKeys(settings.API_KEYS_FILE, logger);
  }

  get isOn(): boolean {
    return this.settings.AUTH === 'on';
  }

  /** @throws SettingsProblem when a file that is there cannot be read: nobody could call, and a roll-out must stop */
  async onModuleInit(): Promise<void> {
    const { API_KEYS_FILE, JWT_JWKS } = this.settings;
    if (!this.isOn) {
      if (await isThere(API_KEYS_FILE))
        this.hints.push(`${API_KEYS_FILE} holds API keys, but AUTH is off: whoever reaches the port may call`);
      return;
    }
    await told('API_KEYS_FILE', this.keys.open());
    if (JWT_JWKS !== undefined) {
      const { Tokens } = await import('./tokens.js');
      this.tokens = new Tokens(this.settings, JWT_JWKS, this.logger);
      await told('JWT_JWKS', this.tokens.open());
    } else if (!this.keys.areUsable) {
      this.hints.push(
        `Nobody can call: AUTH is on, ${API_KEYS_FILE} holds no API key that is valid, and JWT_JWKS is not set. ` +
          'Make a key: nestor keys create NAME --scope predict. It is taken at once',
      );
    }
  }

  onApplicationShutdown(): void {
    this.keys.close();
    this.tokens?.close();
  }

  /**
   * Who shows these credentials; undefined where AUTH is off. A promise only for a token that is not known yet.
   *
   * @throws Unauthorized; DomainError `dependency_unavailable` when a token's key cannot be looked up
   */
  authenticate(credentials: Credentials): Principal | undefined | Promise<Principal> {
    if (!this.isOn) return undefined;
    try {
      const found = this.identify(credentials);
      return found instanceof Promise ? found.catch((error: unknown) => this.refuse(error, credentials)) : found;
    } catch (error) {
      return this.refuse(error, credentials);
    }
  }

  private identify(credentials: Credentials): Principal | Promise<Principal> {
    const { kind, text } = onlyOne(credentials);
    if (kind === 'key') return this.keys.principal(text);
    if (!this.tokens) throw new Unauthorized('bad_token');
    return this.tokens.principal(text);
  }

  private refuse(error: unknown, { address }: Credentials): never {
    this.refusals.note(error, address);
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** @throws SettingsProblem */
async function told(setting: string, reading: Promise<void>): Promise<void> {
  try {
    await reading;
  } catch (error) {
    throw new SettingsProblem([`${setting}: ${firstLine(error)}`]);
  }
}
