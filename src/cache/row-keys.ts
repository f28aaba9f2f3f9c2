import { hash } from 'node:crypto';
import { RELEASE } from '../common/release.js';
import { type RowRequest } from '../inference/batcher.js';
import { type Graph } from '../inference/session.js';
import { emptyTensor, type Tensor } from '../inference/tensor.js';
import { type Row } from '../signature/columns.js';
import { type Signature } from '../signature/signature.js';

const HEAD_BYTES = 32;

/** Storage for one encoded row of one shape, and its bytes in one piece behind a head that tells the shape. */
interface Mould {
  shape: string;
  tensors: readonly Tensor[];
  bytes: Buffer;
}

/**
 * What a row is known by: SHA-256 of what the model sees of it, and of which model that is. Rows that are encoded to the
 * same bytes have the same prediction, however they were written: the order of names, a default that was left out, 1 or
 * 1.0, digits that a float32 does not keep.
 */
export class RowKeys {
  private mould: Mould | undefined;

  /** @param identity the model, its version and the digest of its files */
  constructor(
    private readonly identity: readonly string[],
    private readonly graph: Graph,
    private readonly signature: Signature,
  ) {}

  of(row: Row): string {
    const request = this.signature.request([row]);
    if (this.mould?.shape !== request.key) this.mould = this.cast(request);
    const { tensors, bytes } = this.mould;
    for (const { data } of tensors) if (ArrayBuffer.isView(data)) data.fill(0 as never); // what is 0 is not written
    request.write(tensors, 0);
    let at = HEAD_BYTES;
    for (const { data } of tensors) if (ArrayBuffer.isView(data)) at += copyInto(bytes, at, data);
    const texts = tensors.flatMap(({ data }) => (ArrayBuffer.isView(data) ? [] : [data]));
    // JSON keeps texts apart, and tells lone surrogates from each other, which UTF-8 does not.
    const whole = texts.length === 0 ? bytes : Buffer.concat([bytes, Buffer.from(JSON.stringify(texts))]);
    return hash('sha256', whole, 'base64');
  }

  private cast({ rowDims, key }: RowRequest): Mould {
    const tensors = this.graph.inputs.map(({ type }, index) =>
      emptyTensor(type, [1, ...(rowDims[index] as readonly number[])]),
    );
    const sizes = tensors.map(({ data }) => (ArrayBuffer.isView(data) ? data.byteLength : 0));
    const bytes = Buffer.alloc(sizes.reduce((sum, size) => sum + size, HEAD_BYTES));
    bytes.set(hash('sha256', JSON.stringify([RELEASE, ...this.identity, key]), 'buffer'));
    return { shape: key, tensors, bytes };
  }
}

function copyInto(bytes: Buffer, at: number, { buffer, byteOffset, byteLength }: ArrayBufferView): number {
  bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
  return byteLength;
}
