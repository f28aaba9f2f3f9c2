import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, type Status } from './status.js';

/** The stream number that a GOAWAY names which lets go of nothing yet: what is on its way is still taken. */
const ANY_STREAM = 2 ** 31 - 1;
/**
 * What a piece of a message costs beside its bytes while the message is incomplete: the library keeps them in a list. A
 * sender of single bytes would have a message of 10 MB take a gigabyte.
 */
const PIECE_BYTES = 200;
/**
 * Bytes that a client may send of one call, and of all calls of a connection, before it hears that they arrived. With
 * HTTP/2's own 64 KB a tensor of 128 KB costs an eighth more, and a client 50 ms away sends 1.3 MB a second. It is no room that
 * is kept: what arrives is taken at once, and counted.
 */
const CALL_WINDOW_BYTES = 1024 ** 2;
const CONNECTION_WINDOW_BYTES = 16 * 1024 ** 2;
/**
 * How long a connection may stay, once clients are asked to leave, on which nothing has been called yet: what it was made
 * for is about to arrive. A client that hears the farewell before it could send that tries one more connection, and no
 * third: with the second's farewell the call is lost.
 */
const FIRST_CALL_MS = 100;
/** How often it is looked at what takes too long to arrive. */
const SWEEP_MS = 1000;
/** The longest time-out in milliseconds that the library does not take for one in the past. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000 };

export interface ConnectionLimits {
  /** Bytes that one message may have. */
  messageBytes: number;
  /** Bytes that all messages together may have which have not arrived whole. */
  allMessagesBytes: number;
  /** Milliseconds in which a message must have arrived whole. */
  receiveMs: number;
  /** Milliseconds after which a client is asked to make another connection. */
  ageMs: number;
}

/** What is called under a path: with one request and one answer, in streams, or nothing that there is. */
export type PathKind = 'unary' | 'streams' | 'unknown';

interface Arriving {
  since: number;
  bytes: number;
}

/**
 * The connections of a gRPC server and the calls on them, below what the library shows: its limit is that of one
 * message, however many are sent at once and in however small pieces, and it lets go of calls that cross with its own
 * farewell.
 */
export class Connections {
  private readonly sessions = new Set<ServerHttp2Session>();
  /** Those on which nothing has been called yet. */
  private readonly unused = new Set<ServerHttp2Session>();
  /** Calls whose message is not whole, from the oldest on. */
  private readonly arriving = new Map<ServerHttp2Stream, Arriving>();
  private arrivingBytes = 0;
  /** Calls that last as long as their client wants. */
  private readonly lasting = new Set<ServerHttp2Stream>();
  private readonly sweeping: NodeJS.Timeout;

  /** @param onUnknown told when a call has ended that the library has answered: there is nothing under its path */
  constructor(
    server: Http2Server,
    private readonly limits: ConnectionLimits,
    private readonly kindOf: (path: string) => PathKind,
    private readonly onUnknown: () => void,
  ) {
    server.on('session', (session: ServerHttp2Session) => {
      this.welcome(session);
    });
    server.prependListener('stream', (_: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      if (isEndless(headers['grpc-timeout'])) delete headers['grpc-timeout'];
    });
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      this.receive(stream, String(headers[':path']));
    });
    this.sweeping = setInterval(() => {
      this.sweep();
    }, SWEEP_MS).unref();
  }

  /** Asks all clients to make other connections. What they send before they know is still answered. */
  askToLeave(): void {
    for (const session of this.sessions) {
      if (this.unused.has(session)) this.askToLeaveAfterFirstCall(session);
      else askToLeave(session);
    }
  }

  /** Ends the calls that last as long as their client wants, and looks no more after what arrives. */
  end(): void {
    clearInterval(this.sweeping);
    for (const stream of this.lasting) stream.close(constants.NGHTTP2_CANCEL);
  }

  private welcome(session: ServerHttp2Session): void {
    this.sessions.add(session);
    this.unused.add(session);
    session.once('stream', () => this.unused.delete(session));
    session.settings({ initialWindowSize: CALL_WINDOW_BYTES });
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    const aging = setTimeout(
      () => {
        askToLeave(session);
      },
      this.limits.ageMs * (1 + Math.random() / 10),
    ).unref();
    session.once('close', () => {
      clearTimeout(aging);
      this.sessions.delete(session);
      this.unused.delete(session);
    });
  }

  private askToLeaveAfterFirstCall(session: ServerHttp2Session): void {
    const leave = () => {
      clearTimeout(waiting);
      session.off('stream', leave);
      askToLeave(session);
    };
    const waiting = setTimeout(leave, FIRST_CALL_MS).unref();
    session.once('stream', leave);
  }

  private receive(stream: ServerHttp2Stream, path: string): void {
    const kind = this.kindOf(path);
    if (kind === 'unknown') stream.once('close', this.onUnknown);
    if (kind !== 'unary') {
      this.lasting.add(stream);
      stream.once('close', () => this.lasting.delete(stream));
      return;
    }
    if (stream.readableEnded) return;
    const arriving: Arriving = { since: performance.now(), bytes: 0 };
    this.arriving.set(stream, arriving);
    stream.on('data', (piece: Buffer) => {
      this.grow(stream, arriving, piece.length + PIECE_BYTES);
    });
    const arrived = () => {
      if (!this.arriving.delete(stream)) return;
      this.arrivingBytes -= arriving.bytes;
    };
    stream.once('end', arrived);
    stream.once('close', arrived);
  }

  private grow(stream: ServerHttp2Stream, arriving: Arriving, bytes: number): void {
    arriving.bytes += bytes;
    this.arrivingBytes += bytes;
    const { messageBytes, allMessagesBytes } = this.limits;
    const isAlone = arriving.bytes === this.arrivingBytes;
    if (arriving.bytes > 2 * messageBytes + PIECE_BYTES) refuse(stream, TOO_LARGE);
    else if (this.arrivingBytes > allMessagesBytes && !isAlone) refuse(stream, TOO_MANY);
  }

  private sweep(): void {
    const latest = performance.now() - this.limits.receiveMs;
    for (const [stream, { since }] of this.arriving) {
      if (since > latest) return;
      refuse(stream, TOO_SLOW);
    }
  }
}

const TOO_LARGE: Status = { code: RESOURCE_EXHAUSTED, details: 'The message is too large, or in too many pieces.' };
const TOO_MANY: Status = {
  code: RESOURCE_EXHAUSTED,
  details: 'Too many large messages are being read at this moment.',
};
const TOO_SLOW: Status = { code: DEADLINE_EXCEEDED, details: 'The message did not arrive whole in time.' };

/** Answers a call that the library has not seen whole, and lets no more of it in. */
function refuse(stream: ServerHttp2Stream, { code, details }: Status): void {
  if (stream.destroyed) return;
  if (!stream.headersSent) {
    const headers = {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': code,
      'grpc-message': details,
    };
    stream.respond(headers, { endStream: true });
  }
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function isEndless(timeout: string | string[] | undefined): boolean {
  const [, digits, unit = ''] = /^(\d+)([HMS])$/.exec(String(timeout)) ?? [];
  return Number(digits) * (UNIT_MS[unit] ?? NaN) > LONGEST_TIMEOUT;
}

function askToLeave(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
}
