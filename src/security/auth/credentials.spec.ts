import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newKey } from './api-key.js';
import { onlyOne } from './credentials.js';
import { Unauthorized } from './unauthorized.js';

describe('credentials', () => {
  const keys = [newKey().key, newKey().key];
  const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';

  it('are one key or token that each header shows, or none', () => {
    const text = fc.oneof(
      fc.constantFrom(...keys, token, '', ' ', `${token}.`, keys[0]?.toUpperCase() ?? ''),
      fc.string({ unit: 'binary' }),
    );
    const scheme = fc.constantFrom('Bearer ', 'bearer ', 'BEARER   ', 'Bearer', 'Basic ', '');
    const bearer = fc.tuple(scheme, text).map(([name, shown]) => name + shown);
    fc.assert(
      fc.property(fc.array(bearer, { maxLength: 3 }), fc.array(text, { maxLength: 3 }), (authorization, apiKey) => {
        try {
          const { kind, text: shown } = onlyOne({ authorization, apiKey });
          expect(kind === 'key' ? keys : [token]).toContain(shown);
          for (const value of authorization) expect(value).toMatch(new RegExp(`^bearer +${shown}$`, 'i'));
          for (const value of apiKey) expect([kind, value]).toEqual(['key', shown]);
        } catch (error) {
          if (!(error instanceof Unauthorized)) throw error;
          // What is one and the same in all of them is taken.
          const [first] = keys;
          const isClear = authorization.every((value) => value === `Bearer ${first}`) && apiKey.every((value) => value === first); // prettier-ignore
          expect(isClear && authorization.length + apiKey.length > 0).toBe(false);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
