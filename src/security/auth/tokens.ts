import { hash } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import { LRUCache } from 'lru-cache';
import { type PinoLogger } from 'nestjs-pino';
import { DomainError } from '../../common/errors.js';
import { type Principal } from '../../common/principal.js';
import { type Settings } from '../../config/settings.js';
import { principalOf } from './claims.js';
import { SigningKeys } from './signing-keys.js';
import { type RefusalReason, Unauthorized } from './unauthorized.js';

/** Signatures of public keys only. HS256 with a public key as its secret is a forgery that anybody can make. */
const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
]; // prettier-ignore
/** Tokens that are remembered, about 0.5 KB each. */
const MAX_KNOWN = 10_000;

/** A token that was verified. */
interface Known {
  principal: Principal;
  /** Milliseconds since 1970. */
  expires: number;
}

/**
 * JSON Web Tokens. One that was verified is remembered by its hash until it expires or the signing keys change:
 * verifying it takes ten times as long as all the rest of a small prediction's authentication. What is refused is not
 * remembered: there is no end of it.
 */
export class Tokens {
  private readonly known = new LRUCache<string, Known>({ max: MAX_KNOWN });
  /** Grows when the signing keys change. */
  private revision = 0;
  private readonly keys: SigningKeys;
  private readonly options: JWTVerifyOptions;
  private readonly skewMs: number;

  constructor({ JWT_ISSUER, JWT_AUDIENCE, JWT_CLOCK_SKEW_S }: Settings, jwks: string, logger: PinoLogger) {
    this.keys = new SigningKeys(
      jwks,
      () => {
        this.revision++;
        this.known.clear();
      },
      logger,
    );
    this.skewMs = JWT_CLOCK_SKEW_S * 1000;
    this.options = {
      algorithms: ALGORITHMS,
      clockTolerance: JWT_CLOCK_SKEW_S,
      requiredClaims: ['exp', 'sub'],
      ...(JWT_ISSUER !== undefined && { issuer: JWT_ISSUER }),
      ...(JWT_AUDIENCE !== undefined && { audience: JWT_AUDIENCE }),
    };
  }

  /** @throws Error when the signing keys are in a file, and cannot be read */
  open(): Promise<void> {
    return this.keys.open();
  }

  close(): void {
    this.keys.close();
  }

  /**
   * Whose token it is; a promise where it is not known yet.
   *
   * @throws Unauthorized, DomainError `dependency_unavailable`
   */
  principal(token: string): Principal | Promise<Principal> {
    const digest = hash('sha256', token, 'base64');
    const known = this.known.get(digest);
    return known && Date.now() < known.expires ? known.principal : this.verify(token, digest);
  }

  private async verify(token: string, digest: string): Promise<Principal> {
    const { revision } = this;
    const claims = await this.claimsOf(token);
    const principal = principalOf(claims);
    // Its key may have been withdrawn meanwhile.
    const isCurrent = revision === this.revision;
    if (isCurrent) this.known.set(digest, { principal, expires: (claims.exp as number) * 1000 + this.skewMs });
    return principal;
  }

  private async claimsOf(token: string): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, this.keys.find, this.options)).payload;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      throw new Unauthorized(reasonOf(error));
    }
  }
}

/** Only of a token whose signature is right more is told than that it is not valid: jose looks at that first. */
function reasonOf(error: unknown): RefusalReason {
  if (error instanceof errors.JWTExpired) return 'expired_token';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'bad_token';
  if (error.reason !== 'check_failed') return 'bad_claims';
  if (error.claim === 'nbf') return 'early_token';
  if (error.claim === 'iss') return 'other_issuer';
  return error.claim === 'aud' ? 'other_audience' : 'bad_claims';
}
