import protobuf from 'protobufjs/minimal.js';
import { DomainError } from '../../common/errors.js';

const { Reader } = protobuf;

/** An input as it came. Its values are read once the model has told what they must be. */
export interface SentInput {
  name: string;
  datatype: string;
  shape: readonly number[];
  /** Names of its parameters. */
  parameters: readonly string[];
  /** An InferTensorContents as it is encoded; absent where nothing is in it. */
  contents: Buffer | undefined;
}

export interface SentOutput {
  name: string;
  parameters: readonly string[];
}

/** A ModelInferRequest. Bytes are views of the message. */
export interface SentRequest {
  model: string;
  version: string;
  id: string;
  parameters: readonly string[];
  inputs: readonly SentInput[];
  outputs: readonly SentOutput[];
  raw: readonly Buffer[];
}

/** Tensors, or parameters, that one message may name: an empty one takes two bytes there, and a hundred here. */
const MOST = 1024;
/** One more than a tensor may have: that there are too many is told later, by the name of the tensor. */
const MOST_DIMENSIONS = 65;

/** Protobuf's wire types. */
const VARINT = 0;
const SIZED = 2;

/**
 * Reads a ModelInferRequest without copying what its tensors hold. A generated decoder would make JavaScript's numbers of
 * typed contents, whatever the shape says: of a message of 10 MB, 80 MB of numbers, or 400 MB of objects for 64 bits.
 *
 * @throws DomainError `validation_failed`
 */
export function readInferRequest(message: Buffer): SentRequest {
  try {
    return readRequest(message);
  } catch (cause) {
    const message =
      cause instanceof TooMany ? cause.message : 'The message is not a ModelInferRequest in the encoding of protobuf.';
    throw new DomainError('validation_failed', message, { cause });
  }
}

class TooMany extends Error {}

function readRequest(message: Buffer): SentRequest {
  const reader = Reader.create(message);
  const parameters: string[] = [];
  const inputs: SentInput[] = [];
  const outputs: SentOutput[] = [];
  const raw: Buffer[] = [];
  const request = { model: '', version: '', id: '', parameters, inputs, outputs, raw };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag) {
      case (1 << 3) | SIZED:
        request.model = reader.string();
        break;
      case (2 << 3) | SIZED:
        request.version = reader.string();
        break;
      case (3 << 3) | SIZED:
        request.id = reader.string();
        break;
      case (4 << 3) | SIZED:
        append(parameters, readKey(reader.bytes()));
        break;
      case (5 << 3) | SIZED:
        append(inputs, readInput(reader.bytes()));
        break;
      case (6 << 3) | SIZED:
        append(outputs, readOutput(reader.bytes()));
        break;
      case (7 << 3) | SIZED:
        append(raw, reader.bytes() as Buffer);
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  return request;
}

function readInput(message: Uint8Array): SentInput {
  const reader = Reader.create(message);
  const shape: number[] = [];
  const parameters: string[] = [];
  const input: SentInput = { name: '', datatype: '', shape, parameters, contents: undefined };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag) {
      case (1 << 3) | SIZED:
        input.name = reader.string();
        break;
      case (2 << 3) | SIZED:
        input.datatype = reader.string();
        break;
      case (3 << 3) | SIZED: {
        const end = reader.uint32() + reader.pos;
        while (reader.pos < end && shape.length < MOST_DIMENSIONS) shape.push(readSize(reader));
        reader.skip(Math.max(0, end - reader.pos));
        break;
      }
      case (3 << 3) | VARINT:
        if (shape.length < MOST_DIMENSIONS) shape.push(readSize(reader));
        else reader.skipType(VARINT);
        break;
      case (4 << 3) | SIZED:
        append(parameters, readKey(reader.bytes()));
        break;
      case (5 << 3) | SIZED: {
        const contents = reader.bytes() as Buffer;
        if (contents.length === 0) break;
        if (input.contents) throw new TooMany('An input has `contents` twice.');
        input.contents = contents;
        break;
      }
      default:
        reader.skipType(tag & 7);
    }
  }
  return input;
}

function readOutput(message: Uint8Array): SentOutput {
  const reader = Reader.create(message);
  const parameters: string[] = [];
  const output: SentOutput = { name: '', parameters };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | SIZED)) output.name = reader.string();
    else if (tag === ((2 << 3) | SIZED)) append(parameters, readKey(reader.bytes()));
    else reader.skipType(tag & 7);
  }
  return output;
}

function readSize(reader: protobuf.Reader): number {
  const size = reader.int64();
  return typeof size === 'number' ? size : size.high * 2 ** 32 + (size.low >>> 0);
}

/** The key of an entry of a map. */
function readKey(message: Uint8Array): string {
  const reader = Reader.create(message);
  let key = '';
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | SIZED)) key = reader.string();
    else reader.skipType(tag & 7);
  }
  return key;
}

function append<T>(list: T[], item: T): void {
  if (list.length === MOST) throw new TooMany(`The message has more than ${MOST} parts of one kind.`);
  list.push(item);
}
