import { type IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type PinoLogger } from 'nestjs-pino';
import { Settings } from '../../config/settings.js';
import { ClientAddress } from './client-address.js';

const PROXIES = ['10.0.0.0/8', '192.168.1.7', 'fd00::/8', '::1'];

const hints: string[] = [];
const logger = { warn: (hint: string) => hints.push(hint) } as unknown as PinoLogger;

function addressOf(peer: string, headers: Record<string, string>, proxies: readonly string[] = PROXIES): string {
  const addresses = new ClientAddress(Object.assign(new Settings(), { TRUSTED_PROXIES: proxies }), logger);
  return addresses.of({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage);
}

const xff = (list: string) => ({ 'x-forwarded-for': list });

describe('ClientAddress', () => {
  it.each([
    ['whom nobody sends on', '203.0.113.9', {}, '203.0.113.9'],
    ['whom IPv6 stands for', '::ffff:203.0.113.9', {}, '203.0.113.9'],
    ['who is gone', '', xff('198.51.100.1'), ''],
    ['who is no proxy, and says that it were', '203.0.113.9', xff('198.51.100.1'), '203.0.113.9'],
    ['who is no proxy, in the other header', '203.0.113.9', { forwarded: 'for=198.51.100.1' }, '203.0.113.9'],
    ['behind one proxy', '10.1.2.3', xff('198.51.100.1'), '198.51.100.1'],
    ['behind one proxy, as IPv6 has it', '::ffff:10.1.2.3', xff('198.51.100.1'), '198.51.100.1'],
    ['behind several', '10.1.2.3', xff('198.51.100.1, 192.168.1.7, 10.9.9.9'), '198.51.100.1'],
    ['behind a proxy by IPv6', 'fd12::1', xff('2001:db8::5'), '2001:db8::5'],
    ['behind a proxy on this machine', '::1', xff('198.51.100.1'), '198.51.100.1'],
    ['who made up what stands to the left', '10.1.2.3', xff('1.1.1.1, 10.0.0.1, 198.51.100.1'), '198.51.100.1'],
    ['who made up a whole list', '10.1.2.3', xff('1.1.1.1,2.2.2.2,198.51.100.1, 10.0.0.1'), '198.51.100.1'],
    ['of whom nobody knows', '10.1.2.3', xff('unknown'), '10.1.2.3'],
    ['of whom a proxy says nothing', '10.1.2.3', xff(''), '10.1.2.3'],
    ['behind something that is no address', '10.1.2.3', xff('198.51.100.1, <script>, 10.9.9.9'), '10.9.9.9'],
    ['behind an empty element', '10.1.2.3', xff('198.51.100.1, , 10.9.9.9'), '10.9.9.9'],
    ['who are proxies all the way', '10.1.2.3', xff('10.0.0.1, 10.0.0.2'), '10.0.0.1'],
    ['with a port', '10.1.2.3', xff('198.51.100.1:4711'), '198.51.100.1'],
    ['with a port by IPv6', '10.1.2.3', xff('[2001:db8::5]:4711'), '2001:db8::5'],
    ['in brackets', '10.1.2.3', xff('[2001:db8::5]'), '2001:db8::5'],
    ['with a zone', '10.1.2.3', xff('fe80::1%eth0'), 'fe80::1'],
    ['in hexadecimal, which is no address', '10.1.2.3', xff('0x7f.1'), '10.1.2.3'],
    ['in octal, which is no address', '10.1.2.3', xff('0177.0.0.1'), '10.1.2.3'],
    ['by Forwarded', '10.1.2.3', { forwarded: 'for=198.51.100.1;proto=https;by=10.1.2.3' }, '198.51.100.1'],
    ['by Forwarded with a port', '10.1.2.3', { forwarded: 'For="198.51.100.1:80"' }, '198.51.100.1'],
    ['by Forwarded and IPv6', '10.1.2.3', { forwarded: 'proto=http; FOR="[2001:db8::5]:80"' }, '2001:db8::5'],
    ['by Forwarded, hidden', '10.1.2.3', { forwarded: 'for=_hidden' }, '10.1.2.3'],
    ['by Forwarded without a for', '10.1.2.3', { forwarded: 'by=198.51.100.1' }, '10.1.2.3'],
    [
      'by Forwarded behind several',
      '10.1.2.3',
      { forwarded: 'for=1.1.1.1, for=198.51.100.1, for=10.0.0.1' },
      '198.51.100.1',
    ],
    ['by both', '10.1.2.3', { ...xff('198.51.100.1'), forwarded: 'for=198.51.100.1' }, '198.51.100.1'],
    ['by both, which differ', '10.1.2.3', { ...xff('198.51.100.1'), forwarded: 'for=1.1.1.1' }, '10.1.2.3'],
  ])('one %s', (_, peer, headers, address) => {
    expect(addressOf(peer, headers)).toBe(address);
  });

  it('believes nobody where no proxy is trusted', () => {
    expect(addressOf('127.0.0.1', { ...xff('198.51.100.1'), forwarded: 'for=198.51.100.1' }, [])).toBe('127.0.0.1');
  });

  it('says once who sends a list and is not trusted', () => {
    hints.length = 0;
    const addresses = new ClientAddress(Object.assign(new Settings(), { TRUSTED_PROXIES: PROXIES }), logger);
    addresses.from('10.1.2.3', xff('198.51.100.1'));
    addresses.from('203.0.113.9', {});
    expect(hints).toEqual([]);
    for (let i = 0; i < 3; i++) addresses.from(`::ffff:203.0.113.${i}`, xff('198.51.100.1'));
    expect(hints).toEqual([
      expect.stringMatching(/^203\.0\.113\.0 sends X-Forwarded-For, and is not among TRUSTED_PROXIES/),
    ]);
  });

  it('gives whom the first trusted proxy was called by, whatever a client made up before', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const outside = fc.tuple(fc.constantFrom(1, 8, 203), octet, octet, octet).map((parts) => parts.join('.'));
    const proxy = fc.tuple(octet, octet, octet).map((parts) => `10.${parts.join('.')}`);
    const madeUp = fc.array(fc.oneof(outside, proxy, fc.string({ maxLength: 40 })), { maxLength: 8 });
    fc.assert(
      fc.property(madeUp, outside, fc.array(proxy, { maxLength: 8 }), proxy, (left, client, proxies, peer) => {
        expect(addressOf(peer, xff([...left, client, ...proxies].join(', ')))).toBe(client);
      }),
    );
  });

  it('is quick with whatever is sent', () => {
    const addresses = new ClientAddress(Object.assign(new Settings(), { TRUSTED_PROXIES: PROXIES }), logger);
    for (const list of ['10.0.0.1,'.repeat(1600), ','.repeat(16_000), '['.repeat(16_000), 'for="'.repeat(3000)]) {
      const headers = { 'x-forwarded-for': list, forwarded: list };
      const started = performance.now();
      for (let i = 0; i < 100; i++)
        addresses.of({ socket: { remoteAddress: '10.0.0.1' }, headers } as unknown as IncomingMessage);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });
});
