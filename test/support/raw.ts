import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  status: number;
  /** By lower-case name; of several the last. */
  headers: Record<string, string>;
  body: string;
}

/** A client that sends bytes as they are, right or wrong. */
export class RawClient {
  private readonly complete: RawAnswer[] = [];
  private rest: Buffer = Buffer.alloc(0);
  private isClosed = false;

  private constructor(
    readonly socket: Socket,
    private readonly asksForHeads: boolean,
  ) {
    socket.on('data', (data: Buffer) => {
      this.rest = Buffer.concat([this.rest, data]);
      while (this.takeOne());
    });
    socket.on('error', () => undefined); // an attack may be answered by a reset
    socket.on('close', () => (this.isClosed = true));
  }

  /**
   * @param url of the service
   * @param asksForHeads true where its requests are HEAD: their answers have no body
   */
  static async to(url: string, asksForHeads = false): Promise<RawClient> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket, asksForHeads);
  }

  send(bytes: string): this {
    if (!this.isClosed) this.socket.write(Buffer.from(bytes, 'latin1'));
    return this;
  }

  /** So many answers, once they are complete; fewer where the server closes the connection before. */
  async answers(count: number): Promise<readonly RawAnswer[]> {
    while (this.complete.length < count && !this.isClosed) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.complete;
  }

  /** Waits until the server has closed the connection; gives all that it said. */
  async closed(): Promise<readonly RawAnswer[]> {
    if (!this.isClosed) await once(this.socket, 'close');
    return this.complete;
  }

  get isOpen(): boolean {
    return !this.isClosed;
  }

  leave(): void {
    this.socket.destroy();
  }

  private takeOne(): boolean {
    const end = this.rest.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const [line = '', ...lines] = this.rest.toString('latin1', 0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
    const headers = Object.fromEntries(
      lines.map((text) => [text.slice(0, text.indexOf(':')).toLowerCase(), text.slice(text.indexOf(':') + 2)]),
    );
    const hasBody = !this.asksForHeads && status >= 200 && status !== 204;
    const whole = end + 4 + (hasBody ? Number(headers['content-length']) : 0);
    if (this.rest.length < whole) return false;
    this.complete.push({ status, headers, body: this.rest.toString('utf8', end + 4, whole) });
    this.rest = this.rest.subarray(whole);
    return true;
  }
}

/** A request as text. */
export function requestText(line: string, headers: Record<string, string> = {}, body = ''): string {
  const all = { Host: 'x', ...headers, ...(body !== '' && { 'Content-Length': String(Buffer.byteLength(body)) }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
