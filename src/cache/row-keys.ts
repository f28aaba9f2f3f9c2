import { hash } from 'node:crypto';
import { RELEASE } from '../common/release.js';
import { type RowRequest } from '../inference/run-request.js';
import { type Graph } from '../inference/session.js';
import { emptyTensor, type Tensor } from '../inference/tensor.js';
import { type Row } from '../signature/columns.js';
import { type Signature } from '../signature/signature.js';

const HEAD_BYTES = 32;

/** Storage for one encoded row of one shape, and for all its bytes in one piece, behind a head that tells the shape. */
interface Mould {
  shape: string;
  tensors: readonly Tensor[];
  /** The tensors' own storage, but for texts. */
  parts: readonly Uint8Array[];
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
    const { tensors, parts, bytes } = this.mould;
    for (const part of parts) part.fill(0); // what is 0 is not written
    request.write(tensors, 0);
    let at = HEAD_BYTES;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const texts = tensors.flatMap(({ data }) => (ArrayBuffer.isView(data) ? [] : [data]));
    // JSON keeps texts apart, and tells lone surrogates from each other, which UTF-8 does not.
    const whole = texts.length === 0 ? bytes : Buffer.concat([bytes, Buffer.from(JSON.stringify(texts))]);
    return hash('sha256', whole, 'base64');
  }

  private cast({ rowDims, key }: RowRequest): Mould {
    const tensors = this.graph.inputs.map(({ type }, index) =>
      emptyTensor(type, [1, ...(rowDims[index] as readonly number[])]),
    );
    const parts = tensors.flatMap(({ data }) =>
      ArrayBuffer.isView(data) ? [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] : [],
    );
    const bytes = Buffer.alloc(parts.reduce((sum, { length }) => sum + length, HEAD_BYTES));
    bytes.set(hash('sha256', JSON.stringify([RELEASE, ...this.identity, key]), 'buffer'));
    return { shape: key, tensors, parts, bytes };
  }
}
