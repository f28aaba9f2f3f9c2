import { destination } from 'pino';
import { isoNow } from '../common/iso-now.js';

/** Lines gather up to this many characters, or for this long, before they are written. */
const GATHER_LENGTH = 32 * 1024;
const GATHER_MS = 100;
/** Characters that wait for a reader of standard output who has stopped reading; beyond them lines are dropped. */
const MAX_WAITING = 8 * 1024 * 1024;
/** How long the last lines wait for that reader when the process exits. */
const LAST_LINES_MS = 2000;

/** Takes log lines: JSON, each with its line break. */
export abstract class LogStream {
  abstract write(line: string): void;
}

/**
 * Where log lines go: JSON on standard output, or readable text where that is a terminal.
 *
 * JSON lines are gathered into large writes: handing each line to the stream costs a small prediction a tenth of its
 * CPU, and writing each a fifth. What is left when the process exits is written then.
 *
 * @param onDrop told how many lines were dropped; the log says so once its reader reads on
 */
export async function logStream(onDrop: (lines: number) => void): Promise<LogStream> {
  if (process.stdout.isTTY) {
    const { PinoPretty } = await import('pino-pretty');
    return PinoPretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' });
  }
  let giveUpAt = Infinity;
  const retryEAGAIN = () => performance.now() < giveUpAt;
  const stream = destination({ fd: 1, sync: false, maxLength: MAX_WAITING, retryEAGAIN });
  let dropped = 0;
  stream.on('drop', (data: string) => {
    const count = data.split('\n').length - 1;
    dropped += count;
    onDrop(count);
  });
  stream.on('drain', () => {
    if (dropped === 0) return;
    const line = { level: 'warn', time: isoNow(), lines: dropped, msg: 'log_lines_dropped' };
    dropped = 0;
    stream.write(`${JSON.stringify(line)}\n`);
  });
  let lines = '';
  const pass = () => {
    if (lines !== '') stream.write(lines);
    lines = '';
  };
  setInterval(pass, GATHER_MS).unref();
  // Before pino's own listener, which would wait for a reader for ever.
  process.prependOnceListener('exit', () => {
    pass();
    giveUpAt = performance.now() + LAST_LINES_MS;
    try {
      stream.flushSync();
    } catch {
      stream.destroy(); // nobody reads any more: the process has to end all the same
    }
  });
  return {
    write(line) {
      lines += line;
      if (lines.length > GATHER_LENGTH) pass();
    },
  };
}
