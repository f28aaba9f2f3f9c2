import { append, type Budget, OnnxFileProblem } from './limits.js';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
const MAX_TAG = 2 ** 32 - 1;
const WIRE_TYPES = { int: VARINT, float: FIXED32, double: FIXED64 };
export type NumberKind = keyof typeof WIRE_TYPES;

// With its byte-order mark, a name is another name.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The fields of one protobuf message, read one after the other; a field that nobody asks for is stepped over.
 *
 * A protobuf library would do for most of this, but not for two things that matter here. It turns weights into
 * arrays of numbers; and of a submessage that is there twice it takes the last, where ONNX Runtime merges both,
 * so that a file could show the proof another graph than it runs.
 */
export class Fields {
  /** The number of the field that `next` arrived at. */
  number = 0;
  private wire = VARINT;
  private taken = true;
  private position = 0;
  private readonly view: DataView;
  private seen: Set<number> | undefined;

  constructor(
    private readonly content: Uint8Array,
    private readonly budget: Budget,
    private readonly depth = 0,
  ) {
    budget.spend(depth);
    this.view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  }

  /** The same message from its start. */
  again(): Fields {
    return new Fields(this.content, this.budget, this.depth);
  }

  next(): boolean {
    if (!this.taken) this.skip();
    if (this.position >= this.content.length) return false;
    const tag = this.varint();
    if (tag < 0 || tag > MAX_TAG) throw new OnnxFileProblem('holds a field of an unknown type');
    this.number = tag >>> 3;
    this.wire = tag & 7;
    this.taken = false;
    return true;
  }

  int(): number {
    this.take(VARINT);
    return this.varint();
  }

  float(): number {
    this.take(FIXED32);
    return this.view.getFloat32(this.step(4), true);
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    this.take(LENGTH_DELIMITED);
    return this.span();
  }

  /** Text that is not UTF-8 is refused: two names that are not could look alike. */
  text(): string {
    try {
      return decoder.decode(this.bytes());
    } catch (error) {
      throw new OnnxFileProblem('holds a text that is not UTF-8', { cause: error });
    }
  }

  message(): Fields {
    return new Fields(this.bytes(), this.budget, this.depth + 1);
  }

  /** A message that may be there once only. */
  only(): Fields {
    this.seen ??= new Set();
    if (this.seen.has(this.number)) throw new OnnxFileProblem('holds a part twice that must be there once');
    this.seen.add(this.number);
    return this.message();
  }

  /** Adds the numbers of a repeated field to `list`. */
  numbers(list: number[], kind: NumberKind): void {
    this.visit(kind, (number) => {
      append(list, number);
    });
  }

  /** Visits the numbers of a repeated field, which writers pack into one run of bytes, or do not. */
  visit(kind: NumberKind, visitor: (number: number) => void): void {
    if (this.wire !== LENGTH_DELIMITED) {
      this.take(WIRE_TYPES[kind]);
      visitor(this.one(kind));
      return;
    }
    this.take(LENGTH_DELIMITED);
    const length = this.length();
    const end = this.position + length;
    while (this.position < end) visitor(this.one(kind));
    if (this.position !== end) throw new OnnxFileProblem('holds a list with a wrong length');
  }

  private one(kind: NumberKind): number {
    if (kind === 'int') return this.varint();
    return kind === 'float' ? this.view.getFloat32(this.step(4), true) : this.view.getFloat64(this.step(8), true);
  }

  private take(wire: number): void {
    if (this.wire !== wire) throw new OnnxFileProblem('holds a field of the wrong type');
    this.taken = true;
  }

  private skip(): void {
    if (this.wire === VARINT) this.skipVarint();
    else if (this.wire === FIXED64) this.step(8);
    else if (this.wire === LENGTH_DELIMITED) this.step(this.length());
    else if (this.wire === FIXED32) this.step(4);
    else throw new OnnxFileProblem('holds a field of an unknown type');
    this.taken = true;
  }

  private span(): Uint8Array {
    const length = this.length();
    const start = this.step(length);
    return this.content.subarray(start, start + length);
  }

  private length(): number {
    const length = this.varint();
    if (length < 0 || this.position + length > this.content.length) throw truncated();
    return length;
  }

  /** Moves on by `size` bytes, and returns where they start. */
  private step(size: number): number {
    const start = this.position;
    if (start + size > this.content.length) throw truncated();
    this.position += size;
    return start;
  }

  /** Most of a large file is lists of numbers that nobody asks for: 12 million in a forest of 50 MB. */
  private skipVarint(): void {
    const { content } = this;
    let at = this.position;
    while ((content[at] ?? 0) >= 0x80) at++;
    if (at >= content.length) throw truncated();
    this.position = at + 1;
  }

  /** A signed number of 64 bits; beyond 2^53 it loses digits. */
  private varint(): number {
    const first = this.content[this.position];
    if (first !== undefined && first < 0x80) {
      this.position++;
      return first;
    }
    return this.longVarint();
  }

  private longVarint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.content[this.step(1)] as number;
      if (shift < 28) low += (byte & 0x7f) * 2 ** shift;
      else high += (byte & 0x7f) * 2 ** (shift - 28);
      if (byte < 0x80) return low + signed(high % 2 ** 36) * 2 ** 28;
    }
    throw new OnnxFileProblem('holds a number of more than 64 bits');
  }
}

function signed(high: number): number {
  return high < 2 ** 35 ? high : high - 2 ** 36;
}

function truncated(): OnnxFileProblem {
  return new OnnxFileProblem('is not a complete ONNX file (truncated, or another format)');
}
