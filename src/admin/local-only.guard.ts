import { type IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { Settings } from '../config/settings.js';

/** What proxies say of a request that they pass on. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Lets calls that change something through only from the same machine, as there is no authentication: the server must
 * listen on the loopback, and the caller must not be a page of another site in a browser of this machine (which sends
 * its own Origin, or has a name of its own resolve to 127.0.0.1), nor a proxy that passes on what came from outside.
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
    const { HOST } = this.settings;
    if (!isLoopback(HOST))
      return `There is no authentication, so calls that change something are answered only where the server listens on the loopback: set HOST=127.0.0.1 and call from the same machine.`;
    const { host = '', origin, 'sec-fetch-site': site = 'none' } = headers;
    if (!isLoopback(hostOf(host)))
      return 'Calls that change something must be made to 127.0.0.1, [::1] or localhost: the Host header names another.';
    if ((origin !== undefined && !isSameOrigin(origin, host)) || (site !== 'none' && site !== 'same-origin'))
      return 'Calls that change something are not taken from pages of another origin.';
    if (FORWARDED.some((name) => name in headers))
      return 'Calls that change something are not taken through a proxy: call from the same machine.';
    return undefined;
  }
}

/** Whether a name or address, as in HOST or in a URL, is this machine's alone. */
function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

/** The name or address in a Host header. */
function hostOf(header: string): string {
  return header.replace(/:\d*$/, '');
}

function isSameOrigin(origin: string, host: string): boolean {
  return origin.toLowerCase() === `http://${host.toLowerCase()}`;
}
