import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { type PinoLogger } from 'nestjs-pino';
import { DomainError } from '../../common/errors.js';
import { SourceFile } from '../../common/source-file.js';
import { fetchText } from './fetch-text.js';
import { Followed, type Source } from './followed.js';

/** A key that its issuer withdraws is refused this much later at most, and the time of a look. */
const FETCH_EVERY_MS = 60_000;
const FETCH_AGAIN_MS = 5000;
const LOOK_EVERY_MS = 1000;
/** Tokens of a key that is not known have the keys looked at: no more often than this, whoever makes them up. */
const COOLDOWN_MS = 10_000;
/** Seconds after which a caller may try again whose key could not be looked up. */
const RETRY_AFTER_S = 5;

/**
 * The public keys that tokens are signed with, from a file or a URL. They are looked at beside the requests: one waits
 * for it only when its key is not known, and never for longer than a look takes. Keys that are known go on being used
 * for as long as their source is away.
 */
export class SigningKeys {
  private readonly followed: Followed<JWTVerifyGetKey>;
  private readonly isUrl: boolean;

  /**
   * @param where path or URL of a JSON Web Key Set
   * @param onChange told when keys have come or gone
   */
  constructor(where: string, onChange: () => void, logger: PinoLogger) {
    this.isUrl = isUrl(where);
    this.followed = new Followed(
      {
        name: 'Keys of tokens',
        read: async () => keySet(this.isUrl ? await fetched(new URL(where)) : await SourceFile.read(where, where)),
        everyMs: this.isUrl ? FETCH_EVERY_MS : LOOK_EVERY_MS,
        retryMs: this.isUrl ? FETCH_AGAIN_MS : LOOK_EVERY_MS,
        onChange,
      },
      logger,
    );
  }

  /** Reads the file; has the URL fetched, and does not wait for it. @throws Error when the file cannot be read */
  async open(): Promise<void> {
    if (this.isUrl) void this.followed.look();
    else await this.followed.open();
  }

  close(): void {
    this.followed.close();
  }

  /**
   * The key that a token says it is signed with.
   *
   * @throws DomainError `dependency_unavailable` when it is not known, and cannot be looked up; errors of jose
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (!this.followed.value) await this.followed.lookAgain(COOLDOWN_MS);
    try {
      return await this.known(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await this.followed.lookAgain(COOLDOWN_MS);
    if (this.followed.problem !== undefined) throw unavailable();
    return this.known(header, token);
  };

  private get known(): JWTVerifyGetKey {
    const { value } = this.followed;
    if (!value) throw unavailable();
    return value;
  }
}

export function isUrl(where: string): boolean {
  return /^https?:\/\//i.test(where);
}

function keySet(source: Source<unknown>): Source<JWTVerifyGetKey> {
  return { text: source.text, value: () => createLocalJWKSet(source.value() as JSONWebKeySet) };
}

async function fetched(url: URL): Promise<Source<unknown>> {
  const text = await fetchText(url);
  return { text, value: () => JSON.parse(text) as unknown };
}

function unavailable(): DomainError {
  return new DomainError('dependency_unavailable', 'The keys that tokens are signed with cannot be read now.', {
    retryAfter: RETRY_AFTER_S,
  });
}
