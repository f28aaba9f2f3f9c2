import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** One request and the number that must come back, wherever in the answer. */
export interface Question {
  path: string;
  body: unknown;
  answers(json: Record<string, any>): boolean; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests read answers freely
}

interface CrowdOptions {
  clients: number;
  question: () => Question;
  /** Whether a client that is asked to leave makes another connection; else it stops. */
  comesBack: boolean;
}

/** Clients, each with a connection of its own that it keeps, which ask without a pause and check each answer. */
export class Crowd {
  answered = 0;
  private served = 0;
  /** Clients that were asked to leave by `Connection: close`. */
  askedToLeave = 0;
  /** Requests without an answer, or with another one than theirs: what happened. */
  readonly lost: string[] = [];
  readonly delaysMs: number[] = [];
  private isGoing = true;
  private readonly ended: Promise<unknown>;

  constructor(
    private readonly url: string,
    private readonly options: CrowdOptions,
  ) {
    this.ended = Promise.all(Array.from({ length: options.clients }, () => this.keepAsking()));
  }

  /** Waits until each client has had an answer. */
  async allServed(): Promise<void> {
    while (this.served < this.options.clients) {
      if (this.lost.length > 0) throw new Error(this.lost[0]);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Resolves when each client has been asked to leave. */
  async left(): Promise<void> {
    await this.ended;
  }

  /** Has each client stop after its answer. */
  async stop(): Promise<void> {
    this.isGoing = false;
    await this.ended;
  }

  private async keepAsking(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let isFirst = true; this.isGoing; isFirst = false) {
      const question = this.options.question();
      const asked = performance.now();
      try {
        const { status, json, closes } = await ask(this.url, question, agent);
        this.delaysMs.push(performance.now() - asked);
        if (status !== 200 || !question.answers(json)) this.lost.push(`${status} ${JSON.stringify(json)}`);
        this.answered++;
        if (isFirst) this.served++;
        if (!closes) continue;
        this.askedToLeave++;
        if (!this.options.comesBack) break;
      } catch (error) {
        this.lost.push(String(error));
        if (!this.options.comesBack) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    agent.destroy();
  }
}

async function ask(url: string, { path, body }: Question, agent: Agent) {
  const payload = JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) };
    const sent = request(url + path, { method: 'POST', agent, headers }, resolve);
    sent.on('error', reject);
    sent.end(payload);
  });
  const answer = await text(response);
  return {
    status: response.statusCode ?? 0,
    json: JSON.parse(answer) as Record<string, unknown>,
    closes: response.headers.connection === 'close',
  };
}
