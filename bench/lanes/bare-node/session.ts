import { InferenceSession } from 'onnxruntime-node';

/** One thread, which sleeps when it has nothing to do. */
export function createSession(file: string): Promise<InferenceSession> {
  return InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}
