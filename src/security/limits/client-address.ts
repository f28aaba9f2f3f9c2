import { type IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Settings } from '../../config/settings.js';

/** Proxies that a request may have come through; beyond them the last one counts. */
const MAX_PROXIES = 16;

/**
 * Where a request comes from. What headers say of that is believed only as far as a trusted proxy has written it: each
 * proxy adds whom it was called by at the right end, and what stands further to the left a client may have made up.
 */
@Injectable()
export class ClientAddress {
  private readonly trusted: BlockList | undefined;
  private hasHinted = false;

  constructor(
    { TRUSTED_PROXIES }: Settings,
    private readonly logger: PinoLogger,
  ) {
    if (TRUSTED_PROXIES.length === 0) return;
    this.trusted = new BlockList();
    for (const network of TRUSTED_PROXIES) {
      const [address = '', bits] = network.split('/');
      if (bits === undefined) this.trusted.addAddress(address, familyOf(address));
      else this.trusted.addSubnet(address, Number(bits), familyOf(address));
    }
  }

  /** Of a request over HTTP: as `from`. */
  of({ socket, headers }: IncomingMessage): string {
    return this.from(socket.remoteAddress ?? '', headers);
  }

  /**
   * An IPv4 address, or an IPv6 one; empty where the connection is gone.
   *
   * @param connected the address at the other end of the connection
   * @param headers what is said of those before it
   */
  from(connected: string, headers: Readonly<Partial<Record<string, unknown>>>): string {
    const { 'x-forwarded-for': list, forwarded } = headers;
    const peer = plain(connected);
    if (!this.trusts(peer)) {
      if (typeof list === 'string') this.hint(peer);
      return peer;
    }
    const byList = typeof list === 'string' ? this.firstUntrusted(peer, list, addressIn) : undefined;
    const byForwarded = typeof forwarded === 'string' ? this.firstUntrusted(peer, forwarded, forIn) : undefined;
    // Most proxies write one of the two and pass on the other as it was sent: where they differ, nobody knows which.
    if (byList !== undefined && byForwarded !== undefined && byList !== byForwarded) return peer;
    return byList ?? byForwarded ?? peer;
  }

  /** Once: whoever is behind a proxy that is not known is taken for that proxy. */
  private hint(peer: string): void {
    if (this.hasHinted) return;
    this.hasHinted = true;
    this.logger.warn(
      `${peer} sends X-Forwarded-For, and is not among TRUSTED_PROXIES: if it is a proxy, all who come through it count as one`,
    );
  }

  /** From the right, the first that is no proxy of ours; the last that was, where what stands before it is no address. */
  private firstUntrusted(peer: string, list: string, read: (element: string) => string | undefined): string {
    let address = peer;
    let end = list.length;
    for (let hops = 0; hops < MAX_PROXIES && end >= 0; hops++) {
      const start = list.lastIndexOf(',', end - 1) + 1;
      const next = read(list.slice(start, end).trim());
      if (next === undefined) return address;
      address = next;
      if (!this.trusts(address)) return address;
      end = start - 1;
    }
    return address;
  }

  private trusts(address: string): boolean {
    return address !== '' && (this.trusted?.check(address, familyOf(address)) ?? false);
  }
}

/** The address in an element of X-Forwarded-For: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`. */
function addressIn(element: string): string | undefined {
  const [, inBrackets, withPort] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(element) ?? [];
  const address = plain(inBrackets ?? withPort ?? element);
  return isIP(address) === 0 ? undefined : address;
}

/** The `for` of an element of Forwarded (RFC 7239): `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:4711"`. */
function forIn(element: string): string | undefined {
  const [, quoted, bare] = /(?:^|;)\s*for=(?:"([^"]*)"|([^;"\s]*))\s*(?:;|$)/i.exec(element) ?? [];
  return addressIn(quoted ?? bare ?? '');
}

/** An address without its zone, and as IPv4 where it is one that IPv6 stands for. */
function plain(address: string): string {
  const zone = address.indexOf('%');
  const bare = zone === -1 ? address : address.slice(0, zone);
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare) ?? [];
  return mapped ?? bare;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
