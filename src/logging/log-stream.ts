import { destination, type DestinationStream } from 'pino';
import { PinoPretty } from 'pino-pretty';

/**
 * Where log lines go: JSON on standard output, or readable text where that is a terminal. Lines are gathered into
 * larger writes; pino flushes what is left when the process exits.
 */
export function logStream(): DestinationStream {
  if (process.stdout.isTTY)
    return PinoPretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' });
  return destination({ fd: 1, sync: false });
}
