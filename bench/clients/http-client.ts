import { Agent, request } from 'node:http';

export interface Question {
  method: 'GET' | 'POST';
  path: string;
  /** JSON. */
  body?: string;
  headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  status: number;
  text: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Asks over connections that are kept, as many as are needed at once or are allowed. Nothing is asked twice. */
export class HttpClient {
  private readonly url: string;
  private readonly agent: Agent;

  constructor(url: string, connections = Infinity) {
    this.url = url;
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** @throws Error when the connection breaks before the answer is complete, or by the signal */
  ask({ method, path, body, headers }: Question, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        this.url + path,
        {
          agent: this.agent,
          method,
          headers: {
            ...(body !== undefined && {
              'Content-Type': 'application/json',
              'Content-Length': Buffer.byteLength(body),
            }),
            ...headers,
          },
          ...(signal && { signal }),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part: string) => (text += part));
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 0, text, headers: response.headers });
          });
          // After a complete answer this rejects what is settled.
          response.on('error', reject);
          response.on('close', () => {
            reject(new Error('the connection closed within the answer'));
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
