import protobuf from 'protobufjs/minimal.js';
import { datatypeOf } from '../datatypes.js';
import { type InferResponse } from '../inference.js';
import { rawBytes } from '../raw-tensor.js';

const { Writer } = protobuf;

/** Protobuf's wire type of texts, bytes and messages. */
const SIZED = 2;

/**
 * Encodes a ModelInferResponse. Its tensors are raw whatever the request's were: clients read typed ones for BYTES only.
 * They are copied once, into the message.
 */
export function writeInferResponse({ model, version, outputs }: InferResponse, id: string): Buffer {
  const writer = Writer.create();
  writer.uint32((1 << 3) | SIZED).string(model);
  writer.uint32((2 << 3) | SIZED).string(version);
  if (id !== '') writer.uint32((3 << 3) | SIZED).string(id);
  for (const { name, tensor } of outputs) {
    writer.uint32((5 << 3) | SIZED).fork();
    writer.uint32((1 << 3) | SIZED).string(name);
    writer.uint32((2 << 3) | SIZED).string(datatypeOf(tensor.type));
    if (tensor.dims.length > 0) {
      writer.uint32((3 << 3) | SIZED).fork();
      for (const size of tensor.dims) writer.int64(size);
      writer.ldelim();
    }
    writer.ldelim();
  }
  for (const { tensor } of outputs) writer.uint32((6 << 3) | SIZED).bytes(rawBytes(tensor));
  return writer.finish() as Buffer;
}
