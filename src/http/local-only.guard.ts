import { type IncomingMessage } from 'node:http';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { isLoopback } from '../common/is-loopback.js';
import { Settings } from '../config/settings.js';

/** What proxies say of a request that they pass on. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Where AUTH is off, lets calls that change something, or show what is personal, through only from the same machine: the
 * server must listen on the loopback, and the caller must not be a page of another site in a browser of this machine
 * (which sends its own Origin, or has a name of its own resolve to 127.0.0.1), nor a proxy that passes on what came from
 * outside.
 */
@Injectable()
export class LocalOnly implements CanActivate {
  constructor(private readonly settings: Settings) {}

  canActivate(context: ExecutionContext): boolean {
    const why = this.objection(context.switchToHttp().getRequest<IncomingMessage>());
    if (why !== undefined) throw new DomainError('forbidden', why);
    return true;
  }

  /** Why a call is not let through; undefined where it is. */
  objection({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
    const { AUTH, HOST } = this.settings;
    if (AUTH === 'on') return undefined; // their scope is what counts
    if (!isLoopback(HOST))
      return 'Authentication is off, so calls that change something or show what is personal are answered only where the server listens on the loopback: set AUTH=on, or HOST=127.0.0.1 and call from the same machine.';
    const { host = '', origin, 'sec-fetch-site': site = 'none' } = headers;
    if (!isLoopback(hostOf(host)))
      return 'This call must be made to 127.0.0.1, [::1] or localhost: the Host header names another.';
    if ((origin !== undefined && !isSameOrigin(origin, host)) || (site !== 'none' && site !== 'same-origin'))
      return 'This call is not taken from pages of another origin.';
    if (FORWARDED.some((name) => name in headers))
      return 'This call is not taken through a proxy: call from the same machine.';
    return undefined;
  }
}

/** The name or address in a Host header. */
function hostOf(header: string): string {
  return header.replace(/:\d*$/, '');
}

function isSameOrigin(origin: string, host: string): boolean {
  return origin.toLowerCase() === `http://${host.toLowerCase()}`;
}
