import { promisify } from 'node:util';
import { brotliDecompress, type BrotliOptions, gunzip, inflate, type ZlibOptions } from 'node:zlib';
import { DomainError } from '../common/errors.js';

/** zlib works on four threads: more bodies at a time come out no sooner, and each may fill BODY_LIMIT of memory. */
const AT_ONCE = 4;

const INFLATERS: Partial<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Buffer, ZlibOptions, Buffer>(inflate),
  br: promisify<Buffer, BrotliOptions, Buffer>(brotliDecompress),
};

/** Inflates compressed bodies, up to a limit, a few at a time and in the order in which they came. */
export class Inflater {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param limit bytes that a body may inflate to */
  constructor(private readonly limit: number) {}

  /** @throws DomainError `unsupported_media_type`, `payload_too_large`, `malformed_json` */
  async inflate(body: Buffer, encoding: string): Promise<Buffer> {
    const inflate = INFLATERS[encoding];
    if (!inflate)
      throw new DomainError('unsupported_media_type', 'Send the body plain, or compressed as gzip, deflate or br.');
    if (this.running === AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await inflate(body, { maxOutputLength: this.limit });
    } catch (error) {
      const isLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      throw isLong
        ? tooLarge(this.limit)
        : new DomainError('malformed_json', 'The compressed body cannot be inflated.');
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}

export function tooLarge(limit: number): DomainError {
  return new DomainError('payload_too_large', `The body is larger than the ${limit} bytes that are accepted.`);
}
