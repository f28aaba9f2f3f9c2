import { type Metadata, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { type Scope } from '../common/principal.js';
import { RequestContext } from '../common/request-context.js';

/** A call, as its method sees it. */
export class Call {
  readonly context: RequestContext;

  /**
   * @param authority what the client took this server for: HTTP/2's Host
   * @param address of the other end of its connection
   */
  constructor(
    private readonly metadata: Metadata,
    private readonly authority: string | undefined,
    readonly address: string,
  ) {
    this.context = RequestContext.withId(this.header('x-request-id'));
  }

  static of(call: Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getHost' | 'getPeer'>): Call {
    return new Call(call.metadata, call.getHost(), call.getPeer().replace(PORT, ''));
  }

  /** What the metadata says under a name; undefined where it says nothing. */
  header(name: string): string | undefined {
    const [value] = this.metadata.get(name);
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  }

  /** All texts that the metadata has under a name. */
  all(name: string): string[] {
    return this.metadata.get(name).filter((value) => typeof value === 'string');
  }

  /** The metadata as HTTP's headers, for checks that both transports share. */
  get headers(): Record<string, string | undefined> {
    const texts = Object.entries(this.metadata.getMap()).filter(([, value]) => typeof value === 'string');
    return { ...(Object.fromEntries(texts) as Record<string, string>), host: this.authority };
  }
}

/** At the end of a peer's address. */
const PORT = /:\d+$/;

/** One method of a service: a request, an answer. */
export interface Method {
  scope: Scope;
  /** Called every few seconds by machines: logged at level debug only. */
  isProbe: boolean;
  /** @throws DomainError; CallerLeft */
  answer: (request: never, call: Call) => object | Promise<object>;
}

/** As Method, for one that reads and writes its messages itself. */
export interface EncodedMethod extends Omit<Method, 'answer'> {
  answerEncoded: (message: Buffer, call: Call) => Promise<Buffer>;
}

/** As Method, for one that tells something for as long as its client wants to hear it. */
export interface LastingMethod<Request, Response> extends Omit<Method, 'answer'> {
  /** @throws DomainError */
  open: (call: ServerWritableStream<Request, Response>, seen: Call) => void;
}
