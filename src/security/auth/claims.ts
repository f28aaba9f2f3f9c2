import { type JWTPayload } from 'jose';
import { Principal, SCOPES } from '../../common/principal.js';
import { Unauthorized } from './unauthorized.js';

/** A subject goes into logs and records: OpenID Connect allows 255 characters, and no control characters are any. */
const SUBJECT = /^\P{C}{1,255}$/u;

/**
 * Who a verified token speaks for: `sub`, with the scopes in `scope` (RFC 8693: separated by spaces) or `scp` (as some
 * issuers have it; also as a list), and with the models in `nestor_models`, without which it may use all. Scopes that
 * are not ours are those of other services.
 *
 * @throws Unauthorized: a claim that is there and cannot be read never grants more than none would
 */
export function principalOf({ sub, scope, scp, nestor_models: models }: JWTPayload): Principal {
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw new Unauthorized('bad_claims');
  const names = wordsOf(scope ?? scp ?? []);
  const scopes = SCOPES.filter((one) => names.includes(one));
  if (models === undefined) return new Principal(sub, scopes, undefined, 'token');
  const restricted = wordsOf(models);
  if (restricted.length === 0) throw new Unauthorized('bad_claims');
  return new Principal(sub, scopes, restricted, 'token');
}

/** A list of strings, or their words in one string. @throws Unauthorized */
function wordsOf(claim: unknown): string[] {
  const words: unknown = typeof claim === 'string' ? claim.split(' ').filter(Boolean) : claim;
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words;
  throw new Unauthorized('bad_claims');
}
