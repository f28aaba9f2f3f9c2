import { hash, timingSafeEqual } from 'node:crypto';
import { type PinoLogger } from 'nestjs-pino';
import { Principal } from '../../common/principal.js';
import { SourceFile } from '../../common/source-file.js';
import { type ApiKey, idOf } from './api-key.js';
import { Followed, type Source } from './followed.js';
import { keysIn } from './key-file.js';
import { Unauthorized } from './unauthorized.js';

/** A key that is revoked is refused this much later at most, and the time of a look. */
const LOOK_EVERY_MS = 1000;

/** A key as it is looked up. */
interface Held {
  hash: Buffer;
  principal: Principal;
  isRevoked: boolean;
  /** Milliseconds since 1970; Infinity where it does not expire. */
  expires: number;
}

/** Stands for the key of an id that nobody has: no key has this hash. */
const NOBODY: Held = { hash: Buffer.alloc(32), principal: new Principal('nobody', []), isRevoked: true, expires: 0 };

type Keys = ReadonlyMap<string, Held>;

const NO_FILE: Source<Keys> = { text: '', value: () => new Map() };

/** The API keys in a file, as it is now: it is followed while the service runs. */
export class ApiKeys {
  private readonly followed: Followed<Keys>;
  private found = NO_FILE;
  /** Looks in a row that found no file. */
  private missed = 0;

  constructor(
    private readonly path: string,
    logger: PinoLogger,
  ) {
    this.followed = new Followed(
      {
        name: 'API keys',
        read: () => this.read(),
        everyMs: LOOK_EVERY_MS,
        retryMs: LOOK_EVERY_MS,
        onChange: ({ size }) => {
          if (this.found !== NO_FILE) logger.info({ keys: size }, 'api_keys_read');
          else if (this.missed > 1) logger.warn('API_KEYS_FILE is not there any more, and its keys are refused.');
        },
      },
      logger,
    );
  }

  /** Reads them, and follows them from then on. @throws SourceProblem; no file means no keys */
  open(): Promise<void> {
    return this.followed.open();
  }

  close(): void {
    this.followed.close();
  }

  /** Whether there is one that somebody can call with. */
  get areUsable(): boolean {
    const now = Date.now();
    return [...(this.followed.value?.values() ?? [])].some(({ isRevoked, expires }) => !isRevoked && now < expires);
  }

  /**
   * Whose key it is. Takes the same steps, and so the same time, whether or not there is a key of this id.
   *
   * @param key in the form of a key
   * @throws Unauthorized
   */
  principal(key: string): Principal {
    const held = this.followed.value?.get(idOf(key)) ?? NOBODY;
    if (!timingSafeEqual(hash('sha256', key, 'buffer'), held.hash)) throw new Unauthorized('bad_key');
    if (held.isRevoked) throw new Unauthorized('revoked_key');
    if (Date.now() >= held.expires) throw new Unauthorized('expired_key');
    return held.principal;
  }

  /** A file that is gone at a single look is being replaced; at two in a row, its keys are gone with it. */
  private async read(): Promise<Source<Keys>> {
    const file = await SourceFile.readIfThere(this.path, this.path);
    this.missed = file ? 0 : this.missed + 1;
    if (file) this.found = { text: file.text, value: () => new Map(keysIn(file).map((key) => [key.id, toHeld(key)])) };
    else if (this.missed > 1) this.found = NO_FILE;
    return this.found;
  }
}

function toHeld({ name, hash, scopes, models, expires, revoked }: ApiKey): Held {
  return {
    hash: Buffer.from(hash, 'hex'),
    principal: new Principal(name, scopes, models),
    isRevoked: revoked !== undefined,
    expires: expires === undefined ? Infinity : Date.parse(expires),
  };
}
