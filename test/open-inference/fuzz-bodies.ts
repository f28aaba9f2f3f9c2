import { gzipSync } from 'node:zlib';
import { seeded } from '../../src/inference/warm-up/sample-rows.js';

/** A request as it goes over the wire, without its first line. */
export interface FuzzedRequest {
  headers: Record<string, string>;
  body: Buffer;
}

/** What a model takes: one input of each datatype. */
export const TENSORS = {
  half: 'FP16',
  single: 'FP32',
  double: 'FP64',
  byte: 'INT8',
  word: 'UINT16',
  long: 'INT64',
  count: 'UINT64',
  flag: 'BOOL',
  text: 'BYTES',
} as const;
const NAMES = Object.keys(TENSORS) as (keyof typeof TENSORS)[];
const BYTES = { FP16: 2, FP32: 4, FP64: 8, INT8: 1, UINT16: 2, INT64: 8, UINT64: 8, BOOL: 1, BYTES: 5 };

/** Values that a careless server takes for something else; those that JSON.stringify cannot write are put in as text. */
const NASTY = ['null', 'true', '-1', '0', '-0', '0.5', '300', '1e999', '-1e-400', '9007199254740993', '9223372036854775808', '1e18', '18446744073709551616', '""', '"\\u0000"', '"\\ud800"', '"NaN"', '"1"', '[]', '{}', '[[]]', '[1,[2]]', '[[[[1]]]]', '[null]', '{"__proto__":1}', '"x"', '[1,1,1,1,1,1,1,1]', '[9007199254740992,4]', '[1e18,0]', '4503599627370496', '"binary_data_size"', '{"binary_data_size":1e300}', '{"binary_data_size":8,"binary_data":true}', '{"classification":1}', '{"shared_memory_region":"a"}', '{"timeout":1e12}', '{"binary_data_output":true}', '"INT64"', '"FP16"', '"BYTES"', '"long"', '"a,b]}"']; // prettier-ignore
const SNIPPETS = ['"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\0', '\u{1f389}', 'e', '.', '-', '1e9999', 'NaN', 'null', '"inputs":', '"data":[1]', '//', '\n', '\ufeff', '9'.repeat(40)]; // prettier-ignore
const LENGTHS = ['0', '1', '00', '-1', '1e3', '0x10', '', ' 5', '99999999999999999999', '4294967296', 'NaN'];

/** Requests that are nearly right, each one wrong in some other way; the same ones for the same seed. */
export class Fuzz {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  next(): FuzzedRequest {
    const choice = this.random();
    if (choice < 0.45) return { headers: {}, body: Buffer.from(this.mutateTree()) };
    if (choice < 0.55) return { headers: {}, body: this.mutateBytes(Buffer.from(JSON.stringify(this.request(false)))) };
    if (choice < 0.9) return this.binary();
    return choice < 0.95 ? this.raw() : this.compressed();
  }

  private int(below: number): number {
    return Math.floor(this.random() * below);
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  /** A request that is right, with its binary data. */
  private request(isBinary: boolean): { inputs: Record<string, unknown>[]; parts: Buffer[] } & Record<string, unknown> {
    const rows = this.int(4);
    const parts: Buffer[] = [];
    const inputs = NAMES.map((name) => {
      const input = { name, shape: [rows, 1], datatype: TENSORS[name] };
      if (!isBinary || this.random() < 0.3) return { ...input, data: Array(rows).fill(name === 'text' ? 'a' : 1) };
      const part = Buffer.alloc(rows * BYTES[TENSORS[name]], 1);
      if (name === 'text') for (let row = 0; row < rows; row++) part.writeUInt32LE(1, 5 * row);
      parts.push(part);
      return { ...input, parameters: { binary_data_size: part.length } };
    });
    const more = this.random() < 0.5 ? { id: 'a', parameters: { binary_data_output: this.random() < 0.5 } } : {};
    return { ...more, inputs, parts };
  }

  /** Some members of a request that are another value, are missing, or are there twice. */
  private mutateTree(isBinary = false): string {
    const { parts: _parts, ...request } = this.request(isBinary);
    let text = JSON.stringify(request);
    for (let change = 0; change <= this.int(3); change++) {
      const members = [...text.matchAll(/"(\w+)":("[^"]*"|\[[^[\]{}]*\]|\{[^{}]*\}|[\w.+-]+)/g)];
      const member = members[this.int(members.length)];
      if (!member) return text;
      const [whole, name] = member as unknown as [string, string];
      const value = this.pick(NASTY);
      const other = this.pick([`"${name}":${value}`, `"${name}":${value}`, `"${name}x":1`, `${whole},"${name}":${value}`, '"a":1']); // prettier-ignore
      text = text.slice(0, member.index) + other + text.slice(member.index + whole.length);
    }
    return text;
  }

  private mutateBytes(bytes: Buffer): Buffer {
    const copy = [...bytes];
    for (let change = 0; change <= this.int(4); change++) {
      const at = this.int(copy.length + 1);
      const choice = this.random();
      if (choice < 0.3) copy.splice(at, 1 + this.int(20));
      else if (choice < 0.6) copy.splice(at, 0, ...Buffer.from(this.pick(SNIPPETS)));
      else if (choice < 0.9) copy[at] = this.int(256);
      else copy.length = at;
    }
    return Buffer.from(copy);
  }

  private binary(): FuzzedRequest {
    const { parts, ...request } = this.request(true);
    let json: Buffer = Buffer.from(this.random() < 0.4 ? this.mutateTree(true) : JSON.stringify(request));
    if (this.random() < 0.2) json = this.mutateBytes(json);
    const data = Buffer.concat(this.random() < 0.3 ? parts.toReversed() : parts);
    const body = Buffer.concat([json, this.random() < 0.4 ? this.mutateBytes(data) : data]);
    const choice = this.random();
    const length =
      choice < 0.6 ? String(json.length) : choice < 0.8 ? String(json.length + this.int(21) - 10) : this.pick(LENGTHS);
    return { headers: { 'Inference-Header-Content-Length': length }, body };
  }

  private raw(): FuzzedRequest {
    const body = this.mutateBytes(Buffer.alloc(this.int(64), this.int(256)));
    return { headers: { 'Inference-Header-Content-Length': '0' }, body };
  }

  private compressed(): FuzzedRequest {
    const { headers, body } = this.binary();
    const bytes = gzipSync(body, { level: 1 });
    const encoding = this.pick(['gzip', 'gzip', 'deflate', 'br', 'x-gzip', 'zip']);
    return {
      headers: { ...headers, 'Content-Encoding': encoding },
      body: this.random() < 0.5 ? this.mutateBytes(bytes) : bytes,
    };
  }
}
