import protobuf from 'protobufjs/minimal.js';
import { DomainError } from '../../common/errors.js';
import { type Parameters } from '../parameters.js';

const { Reader } = protobuf;
type Long = Exclude<ReturnType<protobuf.Reader['int64']>, number>;

const NONE: Parameters = Object.freeze({});

/** An input as it came. Its values are read once the model has told what they must be. */
export interface SentInput {
  name: string;
  datatype: string;
  shape: readonly number[];
  parameters: Parameters;
  /** An InferTensorContents as it is encoded; absent where nothing is in it. */
  contents: Buffer | undefined;
}

export interface SentOutput {
  name: string;
  parameters: Parameters;
}

/** A ModelInferRequest. Bytes are views of the message. */
export interface SentRequest {
  model: string;
  version: string;
  id: string;
  parameters: Parameters;
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
const FIXED64 = 1;
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
  const parameters: [string, unknown][] = [];
  const inputs: SentInput[] = [];
  const outputs: SentOutput[] = [];
  const raw: Buffer[] = [];
  const request: SentRequest = { model: '', version: '', id: '', parameters: NONE, inputs, outputs, raw };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag) {
      case (1 << 3) | SIZED:
        request.model = textOf(reader);
        break;
      case (2 << 3) | SIZED:
        request.version = textOf(reader);
        break;
      case (3 << 3) | SIZED:
        request.id = textOf(reader);
        break;
      case (4 << 3) | SIZED:
        append(parameters, readEntry(reader.bytes()));
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
        skip(reader, tag);
    }
  }
  if (parameters.length > 0) request.parameters = Object.fromEntries(parameters);
  return request;
}

function readInput(message: Uint8Array): SentInput {
  const reader = Reader.create(message);
  const shape: number[] = [];
  const parameters: [string, unknown][] = [];
  const input: SentInput = { name: '', datatype: '', shape, parameters: NONE, contents: undefined };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag) {
      case (1 << 3) | SIZED:
        input.name = textOf(reader);
        break;
      case (2 << 3) | SIZED:
        input.datatype = textOf(reader);
        break;
      case (3 << 3) | SIZED: {
        const end = reader.uint32() + reader.pos;
        while (reader.pos < end && shape.length < MOST_DIMENSIONS) shape.push(toNumber(reader.int64()));
        reader.skip(Math.max(0, end - reader.pos));
        break;
      }
      case (3 << 3) | VARINT:
        if (shape.length < MOST_DIMENSIONS) shape.push(toNumber(reader.int64()));
        else reader.skipType(VARINT);
        break;
      case (4 << 3) | SIZED:
        append(parameters, readEntry(reader.bytes()));
        break;
      case (5 << 3) | SIZED: {
        const contents = reader.bytes() as Buffer;
        if (contents.length === 0) break;
        if (input.contents) throw new TooMany('An input has `contents` twice.');
        input.contents = contents;
        break;
      }
      default:
        skip(reader, tag);
    }
  }
  if (parameters.length > 0) input.parameters = Object.fromEntries(parameters);
  return input;
}

function readOutput(message: Uint8Array): SentOutput {
  const reader = Reader.create(message);
  const parameters: [string, unknown][] = [];
  const output: SentOutput = { name: '', parameters: NONE };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | SIZED)) output.name = textOf(reader);
    else if (tag === ((2 << 3) | SIZED)) append(parameters, readEntry(reader.bytes()));
    else skip(reader, tag);
  }
  if (parameters.length > 0) output.parameters = Object.fromEntries(parameters);
  return output;
}

/** An entry of a map from names to InferParameter. */
function readEntry(message: Uint8Array): [string, unknown] {
  const reader = Reader.create(message);
  const entry: [string, unknown] = ['', undefined];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | SIZED)) entry[0] = textOf(reader);
    else if (tag === ((2 << 3) | SIZED)) entry[1] = readParameter(reader.bytes());
    else skip(reader, tag);
  }
  return entry;
}

function readParameter(message: Uint8Array): unknown {
  const reader = Reader.create(message);
  let value: unknown;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | VARINT)) value = reader.bool();
    else if (tag === ((2 << 3) | VARINT)) value = toNumber(reader.int64());
    else if (tag === ((3 << 3) | SIZED)) value = textOf(reader);
    else if (tag === ((4 << 3) | FIXED64)) value = reader.double();
    else if (tag === ((5 << 3) | VARINT)) value = toNumber(reader.uint64());
    else skip(reader, tag);
  }
  return value;
}

/** A text. The library's own reader takes one that is longer than the message for what is there. */
function textOf(reader: protobuf.Reader): string {
  return (reader.bytes() as Buffer).toString('utf8');
}

function skip(reader: protobuf.Reader, tag: number): void {
  if (tag >>> 3 === 0) throw new RangeError('no field has this number');
  reader.skipType(tag & 7);
}

/** A number of 64 bits; beyond 2^53 it loses digits. */
function toNumber(long: number | Long): number {
  if (typeof long === 'number') return long;
  return (long.unsigned ? long.high >>> 0 : long.high) * 2 ** 32 + (long.low >>> 0);
}

function append<T>(list: T[], item: T): void {
  if (list.length === MOST) throw new TooMany(`The message has more than ${MOST} parts of one kind.`);
  list.push(item);
}
