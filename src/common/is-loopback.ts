import { isIPv4 } from 'node:net';

/** Whether a name or address, as in HOST or in a URL, is this machine's alone. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}
