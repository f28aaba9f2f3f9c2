import { randomUUID } from 'node:crypto';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { type Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { DomainError, ERROR_KINDS } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { errorBody } from './error-body.js';
import { DATA_HEADERS } from './security-headers.js';

/** What Node keeps on a socket: the answer under way. Its own default listener looks at it too. */
interface ServedSocket extends Socket {
  _httpMessage?: ServerResponse | null;
}

interface ParserFailure extends NodeJS.ErrnoException {
  /** What was read when the parser gave up. */
  rawPacket?: Buffer;
}

/** Answers what Node's parser refuses before there is a request: Node's own answers have no body. */
@Injectable()
export class ParserFailures {
  constructor(
    private readonly settings: Settings,
    private readonly logger: PinoLogger,
  ) {}

  /** Listens to a server's `clientError`. */
  readonly answer = (failure: ParserFailure, socket: ServedSocket): void => {
    // A client that is gone hears nothing; one that waits for the answer to a whole request before, or is in the middle
    // of it, would take ours for that.
    const answer = socket._httpMessage;
    if (failure.code === 'ECONNRESET' || !socket.writable || answer?.headersSent || answer?.req.complete) {
      socket.destroy(failure);
      return;
    }
    const error = toDomainError(failure);
    const id = randomUUID();
    if (this.settings.LOG_REQUESTS !== 'off')
      this.logger.info({ request_id: id, code: error.code, parser: failure.code }, 'request_refused');
    const { http } = ERROR_KINDS[error.code];
    const { type, text: body } = errorBody(error, id, urlOf(failure, socket));
    const head = [
      `HTTP/1.1 ${http} ${STATUS_CODES[http]}`,
      `Content-Type: ${type}`,
      `X-Request-Id: ${id}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...SECURITY,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  };
}

const SECURITY = Array.from(
  { length: DATA_HEADERS.length / 2 },
  (_, index) => `${DATA_HEADERS[2 * index]}: ${DATA_HEADERS[2 * index + 1]}`,
);

/** The path that was asked for: of the request whose body is at fault, else in the line that came last. */
function urlOf({ rawPacket }: ParserFailure, { _httpMessage: answer }: ServedSocket): string {
  if (answer) return answer.req.url ?? '';
  return /^[A-Z]+ (\S+)/.exec(rawPacket?.toString('latin1', 0, MAX_LINE) ?? '')?.[1] ?? '';
}

const MAX_LINE = 256;

function toDomainError({ code }: NodeJS.ErrnoException): DomainError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new DomainError(
        'headers_too_large',
        'The headers are larger than 16 KB together: send fewer or shorter ones.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new DomainError('request_timeout', 'The request did not arrive whole in time: send it in one go.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new DomainError('payload_too_large', 'The chunk extensions of the body are too large: send none.');
    default:
      return new DomainError(
        'malformed_request',
        'This is not HTTP/1.1 as RFC 9112 has it: look at the request line, the headers, Content-Length and the chunks.',
      );
  }
}
