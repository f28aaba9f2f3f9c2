import { type IncomingMessage } from 'node:http';
import { isKey } from './api-key.js';
import { Unauthorized } from './unauthorized.js';

/** What a caller shows of itself: headers of HTTP, or metadata of gRPC. */
export interface Credentials {
  /** All values of `authorization`. */
  readonly authorization: readonly string[];
  /** All values of `x-api-key`. */
  readonly apiKey: readonly string[];
  /** Where they come from, for the log. */
  readonly address?: string | undefined;
}

/** An API key, or a token: what is in the form of neither is none. */
export interface Shown {
  kind: 'key' | 'token';
  text: string;
}

/** Node takes headers of 16 KB together; tokens of real issuers have 1 to 3. */
const MAX_LENGTH = 8192;
/** RFC 6750, section 2.1; names of schemes are of any case (RFC 9110, section 11.1). */
const BEARER = /^bearer +(\S+)$/i;
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The credentials in a request's headers, each value for itself: Node's `headers` keeps the first Authorization and
 * drops the others in silence, where a proxy may have looked at the last.
 */
export function credentialsOf({ rawHeaders, socket }: IncomingMessage): Credentials {
  const authorization: string[] = [];
  const apiKey: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 13 && name.toLowerCase() === 'authorization') authorization.push(rawHeaders[i + 1] as string);
    else if (name.length === 9 && name.toLowerCase() === 'x-api-key') apiKey.push(rawHeaders[i + 1] as string);
  }
  return { authorization, apiKey, address: socket.remoteAddress };
}

/**
 * The one key or token that is shown; the same one may be shown twice.
 *
 * @throws Unauthorized
 */
export function onlyOne({ authorization, apiKey }: Credentials): Shown {
  const texts = new Set(apiKey);
  for (const value of authorization) {
    const [, text] = BEARER.exec(value) ?? [];
    if (text === undefined) throw new Unauthorized('scheme');
    texts.add(text);
  }
  if (texts.size > 1) throw new Unauthorized('conflicting');
  const [text] = texts;
  if (text === undefined) throw new Unauthorized('missing');
  if (isKey(text)) return { kind: 'key', text };
  if (text.length <= MAX_LENGTH && apiKey.length === 0 && TOKEN.test(text)) return { kind: 'token', text };
  throw new Unauthorized('malformed');
}
