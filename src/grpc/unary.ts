import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { CallerLeft } from '../common/caller.js';
import { DomainError, ERROR_KINDS } from '../common/errors.js';
import { giveBack } from '../common/give-back.js';
import { type RequestContext } from '../common/request-context.js';
import { Call, type EncodedMethod, type LastingMethod, type Method } from './call.js';
import { type Endpoint } from './call-observer.js';
import { CANCELLED, DEADLINE_EXCEEDED, OK, toStatus } from './status.js';
import { type Surroundings } from './surroundings.js';

/** A deadline counts as passed from so many milliseconds before it: the library's timer and ours round differently. */
const ROUNDING_MS = 2;

/**
 * Stands around every unary method: who calls, until when, what is logged and counted, and how it is answered. Messages
 * come and go as bytes, so that one that cannot be read is answered, logged and counted as any other failure.
 */
export function unary(
  endpoint: Endpoint,
  method: EncodedMethod,
  surroundings: Surroundings,
): handleUnaryCall<Buffer, Buffer> {
  const { guard, observer, timeLimitMs } = surroundings;
  return (call, callback) => {
    const seen = Call.of(call);
    const { context } = seen;
    context.deadline = context.startedAt + Math.min(timeLimitMs, timeLeft(call.getDeadline()));
    const end = observer.begin(endpoint, method.isProbe, seen);
    let status: number | undefined;
    // The library says so at the end of each call, whatever that was.
    call.once('cancelled', () => {
      if (status !== undefined) {
        end(status);
        return;
      }
      const isLate = context.deadline - ROUNDING_MS <= performance.now();
      context.hasLeft = !isLate; // else its rows expire, which is counted as that
      end(isLate ? DEADLINE_EXCEEDED : CANCELLED);
    });
    const answer = async () => {
      const admitted = guard.admit(seen, method);
      if (admitted) await admitted;
      return method.answerEncoded(call.request, seen);
    };
    answer().then(
      (bytes) => {
        if (call.cancelled) return;
        status = OK;
        call.sendMetadata(headersOf(context));
        callback(null, bytes); // which copies it
        giveBack(bytes);
      },
      (thrown: unknown) => {
        if (thrown instanceof CallerLeft || call.cancelled) return; // nobody is there to be answered
        const error = toDomainError(thrown);
        surroundings.report(error, context);
        status = ERROR_KINDS[error.code].grpc;
        call.sendMetadata(headersOf(context));
        fail(callback, error);
      },
    );
  };
}

/** Stands around a method that lasts as long as its client wants: who calls, what is logged and counted. */
export function lasting<Request, Response>(
  endpoint: Endpoint,
  method: LastingMethod<Request, Response>,
  surroundings: Surroundings,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const seen = Call.of(call);
    const end = surroundings.observer.begin(endpoint, method.isProbe, seen);
    let status = CANCELLED; // as it ends where nothing is amiss
    call.once('cancelled', () => {
      end(status);
    });
    const open = async () => {
      await surroundings.guard.admit(seen, method);
      if (!call.cancelled) method.open(call, seen);
    };
    open().catch((thrown: unknown) => {
      const error = toDomainError(thrown);
      surroundings.report(error, seen.context);
      status = ERROR_KINDS[error.code].grpc;
      call.emit('error', toStatus(error));
    });
  };
}

/** The same method, with messages as its service's definition encodes them. */
export function encoded(
  { scope, isProbe, answer }: Method,
  { requestDeserialize, responseSerialize, path }: MethodDefinition<object, object>,
): EncodedMethod {
  return {
    scope,
    isProbe,
    answerEncoded: async (message, call) => {
      let request: object;
      try {
        request = requestDeserialize(message);
      } catch (cause) {
        throw new DomainError('validation_failed', `The message is not one that ${path} takes.`, { cause });
      }
      return responseSerialize(await answer(request as never, call));
    },
  };
}

function timeLeft(deadline: Date | number): number {
  return Number(deadline) - Date.now();
}

/** What every answer says of itself. */
function headersOf({ id, model, version }: RequestContext): Metadata {
  const headers = new Metadata();
  headers.set('x-request-id', id);
  if (model !== undefined) headers.set('x-model-name', model);
  if (version !== undefined) headers.set('x-model-version', version);
  return headers;
}

function toDomainError(thrown: unknown): DomainError {
  if (thrown instanceof DomainError) return thrown;
  const message = 'The server failed on this call. Its log has the request id.';
  return new DomainError('internal', message, { cause: thrown });
}

function fail(callback: sendUnaryData<Buffer>, error: DomainError): void {
  const trailers = new Metadata();
  // gRPC's own word for Retry-After: clients with a retry policy keep to it.
  if (error.retryAfter !== undefined) trailers.set('grpc-retry-pushback-ms', String(1000 * error.retryAfter));
  callback({ ...toStatus(error), metadata: trailers });
}
