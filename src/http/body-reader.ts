import { type IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { giveBack } from '../common/give-back.js';
import { Settings } from '../config/settings.js';
import { pour } from './incoming-request.js';
import { Inflater, tooLarge } from './inflater.js';

/** Memory that the body of one request takes while it is read. */
interface Held {
  bytes: number;
}

/** Reads the body of a request, up to BODY_LIMIT bytes after decompression, and up to BODIES_LIMIT for all. */
@Injectable()
export class BodyReader {
  private readonly limit: number;
  private readonly limitOfAll: number;
  private readonly inflater: Inflater;
  /** Bytes that the bodies hold which are being read. One that came in a single piece needs no memory but its own. */
  private held = 0;
  /** Memory that bodies were gathered in. */
  private readonly gathered = new WeakSet<ArrayBufferLike>();

  constructor({ BODY_LIMIT, BODIES_LIMIT }: Settings) {
    this.limit = BODY_LIMIT;
    this.limitOfAll = BODIES_LIMIT;
    this.inflater = new Inflater(BODY_LIMIT);
  }

  /**
   * @param make makes of the bytes what is wanted
   * @param alignedAt where in the body a tensor begins: memory that the body is gathered in is chosen such that an
   *   element of any size may be read there
   * @throws DomainError `malformed_json`, `payload_too_large`, `unsupported_media_type`, `overloaded`, and what `make` throws
   */
  read<T>(request: IncomingMessage, make: (bytes: Buffer) => T, alignedAt = 0): Promise<T> {
    const held: Held = { bytes: 0 };
    const letGo = () => {
      this.held -= held.bytes;
      held.bytes = 0;
    };
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    const whenRead =
      encoding === 'identity'
        ? (bytes: Buffer) => {
            letGo();
            return make(bytes);
          }
        : (bytes: Buffer) => this.inflater.inflate(bytes, encoding).finally(letGo).then(make);
    return this.collect(request, held, alignedAt, whenRead, letGo);
  }

  /** Gives the memory of a body back that was gathered from several pieces. Nobody may look at it any more. */
  release({ buffer }: Buffer): void {
    if (this.gathered.delete(buffer)) (buffer as ArrayBuffer).transfer(0);
  }

  /** Lets what cannot be read come in, so that its sender gets the answer. */
  drain(request: IncomingMessage): void {
    request.resume();
    const timer = setTimeout(() => request.destroy(), DRAIN_MS);
    timer.unref();
    request.once('end', () => {
      clearTimeout(timer);
    });
  }

  /**
   * The bytes as they came. They are copied together as they come: a list of chunks would cost a hostile sender of
   * single bytes nothing, and this process 400 bytes for each.
   *
   * @param whenRead makes of them what is wanted
   * @param whenRefused called where they do not all come
   */
  private collect<T>(
    request: IncomingMessage,
    held: Held,
    alignedAt: number,
    whenRead: (bytes: Buffer) => T | Promise<T>,
    whenRefused: () => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let body: Buffer = EMPTY;
      let length = 0;
      let stop: () => unknown = () => undefined;
      const end = () => {
        try {
          resolve(whenRead(body.subarray(0, length)));
        } catch (error) {
          const failure = error as Error;
          reject(failure);
        }
      };
      const fail = (error: DomainError) => {
        this.release(body);
        whenRefused();
        reject(error);
      };
      const refuse = (error: DomainError) => {
        stop();
        this.drain(request);
        fail(error);
      };
      const announced = Number(request.headers['content-length'] ?? this.limit);
      if (announced > this.limit) {
        refuse(tooLarge(this.limit));
        return;
      }
      const take = (chunk: Buffer) => {
        const needed = length + chunk.length;
        if (needed > this.limit) {
          refuse(tooLarge(this.limit));
          return;
        }
        if (length === 0) {
          body = chunk; // nearly always the whole body
          if (chunk.length < announced && !this.hold(chunk.length, held)) {
            refuse(overloaded());
            return;
          }
        } else {
          if (needed > body.length) {
            const size = Math.max(needed, Math.min(GROWTH * body.length, announced));
            if (!this.hold(size, held)) {
              refuse(overloaded());
              return;
            }
            const before = body;
            body = enlarged(before, length, size, alignedAt);
            this.gathered.add(body.buffer);
            this.release(before);
          }
          chunk.copy(body, length);
          giveBack(chunk);
        }
        length = needed;
      };
      const leave = () => {
        fail(incomplete());
      };
      stop = pour(request, { take, end, leave });
    });
  }

  /** Makes room for a body of so many bytes, where there is any. One body alone always gets it. */
  private hold(size: number, held: Held): boolean {
    const others = this.held - held.bytes;
    if (others > 0 && others + size > this.limitOfAll) return false;
    this.held = others + size;
    held.bytes = size;
    return true;
  }
}

const EMPTY = Buffer.alloc(0);
/** How much larger the memory for a body is made at a time: each time it is copied, and its sender holds as much more. */
const GROWTH = 8;
/** How long a sender whose body is refused may go on sending, to read the answer, before it is cut off. */
const DRAIN_MS = 2000;
/** Bytes of the largest element. */
const WIDEST = 8;

/** A buffer of `size` bytes, in memory of its own, that begins with the first `length` of another. */
function enlarged(body: Buffer, length: number, size: number, alignedAt: number): Buffer {
  const shift = (WIDEST - (alignedAt % WIDEST)) % WIDEST;
  const target = Buffer.allocUnsafeSlow(size + shift).subarray(shift);
  body.copy(target, 0, 0, length);
  return target;
}

function overloaded(): DomainError {
  return new DomainError('overloaded', 'Too many large bodies are being read at this moment.', { retryAfter: 1 });
}

function incomplete(): DomainError {
  return new DomainError('malformed_json', 'The body is shorter than its Content-Length says.');
}
