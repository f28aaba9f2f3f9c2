/** What one side may ask of the other: names, with what they take and give. All of it is copied on the way. */
type Calls<T> = { [Name in keyof T]: (...args: never[]) => unknown };

interface Question {
  ask: number;
  name: string;
  args: unknown[];
}

type Message = Question | { answer: number; value: unknown } | { failure: number; message: string };

/** One end of the pipe between a primary and a worker: `process` in the worker, the child process in the primary. */
export interface Pipe {
  send?(message: object, handle: undefined, options: undefined, onSent: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout | undefined;
}

/** The other process did not answer: it ended, or its time was up. */
export class NoAnswer extends Error {}

/** Calls between two processes. */
export class Channel<Theirs extends Calls<Theirs>, Ours extends Calls<Ours>> {
  private readonly pending = new Map<number, Pending>();
  private count = 0;

  /** @param ours what the other side may ask; it waits for an answer until this is there */
  constructor(
    private readonly pipe: Pipe,
    private readonly ours: Ours | Promise<Ours>,
  ) {
    pipe.on('message', (message) => {
      this.receive(message as Message);
    });
    pipe.on('disconnect', () => {
      for (const number of this.pending.keys()) this.settle(number)?.reject(new NoAnswer('the process ended'));
    });
  }

  /**
   * @param limitMs for how long an answer is waited for
   * @throws NoAnswer; Error with the message of what failed there
   */
  ask<Name extends keyof Theirs & string>(
    name: Name,
    args: Parameters<Theirs[Name]>,
    limitMs?: number,
  ): Promise<Awaited<ReturnType<Theirs[Name]>>> {
    const number = ++this.count;
    return new Promise((resolve, reject) => {
      const timer =
        limitMs === undefined
          ? undefined
          : setTimeout(() => this.settle(number)?.reject(new NoAnswer(`no answer in ${limitMs} ms`)), limitMs);
      this.pending.set(number, { resolve: resolve, reject, timer });
      this.send({ ask: number, name, args });
    });
  }

  /** Asks for what needs no answer; nothing happens where the other process has ended. */
  tell<Name extends keyof Theirs & string>(name: Name, ...args: Parameters<Theirs[Name]>): void {
    this.ask(name, args).catch(() => undefined);
  }

  private receive(message: Message): void {
    if ('ask' in message) void this.answer(message);
    else if ('answer' in message) this.settle(message.answer)?.resolve(message.value);
    else if ('failure' in message) this.settle(message.failure)?.reject(new Error(message.message));
  }

  private async answer({ ask, name, args }: Question): Promise<void> {
    try {
      const ours = (await this.ours) as unknown as Record<string, (...args: unknown[]) => unknown>;
      this.send({ answer: ask, value: await ours[name]?.(...args) });
    } catch (error) {
      this.send({ failure: ask, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private send(message: Message): void {
    this.pipe.send?.(message, undefined, undefined, (error) => {
      if (error && 'ask' in message) this.settle(message.ask)?.reject(new NoAnswer('the process ended'));
    });
  }

  private settle(number: number): Pending | undefined {
    const pending = this.pending.get(number);
    this.pending.delete(number);
    clearTimeout(pending?.timer);
    return pending;
  }
}
