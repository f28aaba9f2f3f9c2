import { bearerChallenge } from '../../common/challenge.js';
import { DomainError } from '../../common/errors.js';

/**
 * Why credentials are refused. Whoever does not hold a whole key, or a token that was really signed, hears the same
 * whatever is wrong with it: an unknown id, another secret, a forged signature.
 */
const REASONS = {
  missing: { says: 'Send an API key or a token: "Authorization: Bearer …", or "X-API-Key: …".' },
  scheme: { says: 'The Authorization header must be "Bearer", a space, and an API key or a token.' },
  malformed: { says: 'The credentials are not in the form of an API key or a token.', error: 'invalid_token' },
  conflicting: { says: 'Two different credentials were sent: send one.', error: 'invalid_request' },
  bad_key: { says: 'The API key is not valid.', error: 'invalid_token' },
  expired_key: { says: 'The API key has expired.', error: 'invalid_token' },
  revoked_key: { says: 'The API key has been revoked.', error: 'invalid_token' },
  bad_token: { says: 'The token is not valid.', error: 'invalid_token' },
  expired_token: { says: 'The token has expired.', error: 'invalid_token' },
  early_token: { says: 'The token is not valid yet.', error: 'invalid_token' },
  other_issuer: { says: 'The token was made by another issuer than is trusted here.', error: 'invalid_token' },
  other_audience: { says: 'The token was made for another audience.', error: 'invalid_token' },
  bad_claims: { says: 'The token lacks a claim that is needed, or has one in another form.', error: 'invalid_token' },
} as const satisfies Record<string, { says: string; error?: Parameters<typeof bearerChallenge>[0] }>;

export type RefusalReason = keyof typeof REASONS;

/** Credentials that do not tell who calls. */
export class Unauthorized extends DomainError {
  constructor(readonly reason: RefusalReason) {
    const { says, error }: { says: string; error?: Parameters<typeof bearerChallenge>[0] } = REASONS[reason];
    super('unauthorized', says, { challenge: bearerChallenge(error) });
  }
}
