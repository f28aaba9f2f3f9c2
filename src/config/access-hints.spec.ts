import { describe, expect, it } from '@jest/globals';
import { accessHints } from './access-hints.js';
import { type Environment, readSettings } from './read-settings.js';

describe('hints about who may call', () => {
  const hints = (environment: Environment) => accessHints(readSettings(environment), environment);
  const TOKENS = { AUTH: 'on', JWT_JWKS: 'https://issuer.test/jwks.json', JWT_AUDIENCE: 'nestor' };

  it.each<[string, Environment, RegExp[]]>([
    ['none by default', {}, []],
    ['none where all is set', TOKENS, []],
    ['none for keys alone', { AUTH: 'on' }, []],
    [
      'what does nothing while AUTH is off',
      { JWT_JWKS: 'x', AUTH_PUBLIC: 'docs' },
      [/^JWT_JWKS does/, /^AUTH_PUBLIC does/],
    ],
    ['none for what is empty', { JWT_JWKS: ' ' }, []],
    ['tokens for others', { ...TOKENS, JWT_AUDIENCE: undefined }, [/^JWT_AUDIENCE is not set/]],
    ['keys without TLS', { ...TOKENS, JWT_JWKS: 'http://issuer.test/jwks.json' }, [/without TLS/]],
    ['none for the same machine', { ...TOKENS, JWT_JWKS: 'http://127.0.0.1:9000/jwks.json' }, []],
    ['none for a file', { ...TOKENS, JWT_JWKS: './jwks.json' }, []],
  ])('%s', (_, environment, wanted) => {
    const told = hints(environment);
    expect(told).toHaveLength(wanted.length);
    for (const [index, pattern] of wanted.entries()) expect(told[index]).toMatch(pattern);
  });
});
