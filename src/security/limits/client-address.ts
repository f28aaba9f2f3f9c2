import { type IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';

/** Proxies that a request may have come through; beyond them the last one counts. */
const MAX_PROXIES = 16;

/** A request, as far as it tells where it comes from. */
export interface Sent {
  socket: { remoteAddress?: string | undefined };
  headers: IncomingHttpHeaders;
}

/**
 * Where a request comes from. What headers say of that is believed only as far as a trusted proxy has written it: each
 * proxy adds whom it was called by at the right end, and what stands further to the left a client may have made up.
 */
@Injectable()
export class ClientAddress {
  private readonly trusted: BlockList | undefined;

  constructor({ TRUSTED_PROXIES }: Settings) {
    if (TRUSTED_PROXIES.length === 0) return;
    this.trusted = new BlockList();
    for (const network of TRUSTED_PROXIES) {
      const [address = '', bits] = network.split('/');
      if (bits === undefined) this.trusted.addAddress(address, familyOf(address));
      else this.trusted.addSubnet(address, Number(bits), familyOf(address));
    }
  }

  /** An IPv4 address, or an IPv6 one; empty where the connection is gone. */
  of({ socket, headers }: Sent): string {
    const peer = plain(socket.remoteAddress ?? '');
    if (!this.trusts(peer)) return peer;
    const { 'x-forwarded-for': list, forwarded } = headers;
    const byList = list === undefined ? undefined : this.firstUntrusted(peer, String(list), addressIn);
    const byForwarded = forwarded === undefined ? undefined : this.firstUntrusted(peer, forwarded, forIn);
    // Most proxies write one of the two and pass on the other as it was sent: where they differ, nobody knows which.
    if (byList !== undefined && byForwarded !== undefined && byList !== byForwarded) return peer;
    return byList ?? byForwarded ?? peer;
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
