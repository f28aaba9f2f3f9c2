import { hash, randomBytes } from 'node:crypto';
import { type Scope } from '../../common/principal.js';

const FORM = /^nestor_[0-9a-f]{12}_[0-9a-f]{48}$/;

/** What is kept of an API key: all but the key itself. */
export interface ApiKey {
  /** Stands in the key itself, too. */
  id: string;
  /** Whose it is: for logs and records. */
  name: string;
  /** SHA-256 of the key, in hexadecimal. The key is random: there is nothing to guess that a slow hash would protect. */
  hash: string;
  scopes: Scope[];
  /** Those that it may be used for; without it all. */
  models?: string[];
  /** ISO 8601, as the times below. */
  created: string;
  expires?: string;
  revoked?: string;
}

/**
 * A new key: its 192 random bits are known only to who is given it.
 *
 * @returns the key as it is to be sent, with its id and hash
 */
export function newKey(): { key: string; id: string; hash: string } {
  const id = randomBytes(6).toString('hex');
  const key = `nestor_${id}_${randomBytes(24).toString('hex')}`;
  return { key, id, hash: hash('sha256', key) };
}

/** Whether a text is in the form of a key. */
export function isKey(text: string): boolean {
  return FORM.test(text);
}

/** The id in a key. */
export function idOf(key: string): string {
  return key.slice('nestor_'.length, key.lastIndexOf('_'));
}
