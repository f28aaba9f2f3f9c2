import { isLoopback } from '../common/is-loopback.js';
import { type Environment } from './read-settings.js';
import { type Settings } from './settings.js';

/** What is set about who may call, and does not do what it may be thought to do: hints, a line each. */
export function accessHints({ AUTH, JWT_JWKS, JWT_AUDIENCE }: Settings, environment: Environment): string[] {
  if (AUTH === 'off') {
    return ['JWT_JWKS', 'AUTH_PUBLIC'].flatMap((name) =>
      environment[name]?.trim() ? [`${name} does nothing while AUTH is off: whoever reaches the port may call`] : [],
    );
  }
  const hints: string[] = [];
  if (JWT_JWKS === undefined) return hints;
  if (JWT_AUDIENCE === undefined)
    hints.push('JWT_AUDIENCE is not set: tokens that their issuer made for other services are taken, too');
  if (/^http:/i.test(JWT_JWKS) && !isLoopback(new URL(JWT_JWKS).hostname))
    hints.push('JWT_JWKS is fetched without TLS: whoever is on the way can have any token taken');
  return hints;
}
