import { type IncomingMessage } from 'node:http';

/** What may name a host: a comma stands where there were two (`joinDuplicateHeaders`). */
const HOST = /^[\w.~%!$&'()*+;=:[\]-]*$/;

/**
 * What is wrong with a request that Node's parser lets through though RFC 9112 says to refuse it: a proxy may read it
 * in another way than this server does. 50 ns.
 */
export function malformed({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): string | undefined {
  const { host, 'transfer-encoding': coding } = headers;
  if (host === undefined ? httpVersionMinor !== 0 : !HOST.test(host)) return 'Send one Host header, with a host name.';
  if (coding !== undefined && coding !== 'chunked' && coding.toLowerCase() !== 'chunked')
    return 'Send the body with Content-Length, or with Transfer-Encoding: chunked and no other coding.';
  if (httpVersionMinor === 1) return undefined;
  if (coding !== undefined) return 'HTTP/1.0 has no Transfer-Encoding: send Content-Length.';
  return httpVersionMajor === 1 ? undefined : 'Send HTTP/1.1.'; // 0.9 has neither status nor headers
}
