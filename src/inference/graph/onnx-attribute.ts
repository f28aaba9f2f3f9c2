import { type OnnxTensor, readTensor } from './onnx-tensor.js';
import { append, OnnxFileProblem } from './limits.js';
import { type Fields } from './wire.js';

/** What an attribute holds, by AttributeProto's `type`; each form lies in a field of its own. */
const FORMS = {
  float: { type: 1, field: 2 },
  int: { type: 2, field: 3 },
  text: { type: 3, field: 4 },
  tensor: { type: 4, field: 5 },
  graph: { type: 5, field: 6 },
  floats: { type: 6, field: 7 },
  ints: { type: 7, field: 8 },
  texts: { type: 8, field: 9 },
} as const;

/** One setting of a node. It is read when a rule asks for it: those of a tree ensemble fill megabytes. */
export class OnnxAttribute {
  private subgraph: Fields | undefined;

  constructor(
    readonly name: string,
    private readonly type: number,
    private readonly fields: Fields,
  ) {}

  int(): number {
    return this.last('int', (fields) => fields.int());
  }

  float(): number {
    return this.last('float', (fields) => fields.float());
  }

  text(): string {
    return this.last('text', (fields) => fields.text());
  }

  ints(): number[] {
    const ints: number[] = [];
    this.each('ints', (fields) => {
      fields.numbers(ints, 'int');
    });
    return ints;
  }

  floats(): number[] {
    const floats: number[] = [];
    this.each('floats', (fields) => {
      fields.numbers(floats, 'float');
    });
    return floats;
  }

  texts(): string[] {
    const texts: string[] = [];
    this.each('texts', (fields) => {
      append(texts, fields.text());
    });
    return texts;
  }

  /** The greatest of a list of integers, however long it is; -1 where there is none above. */
  greatest(): number {
    let greatest = -1;
    this.each('ints', (fields) => {
      fields.visit('int', (int) => {
        greatest = Math.max(greatest, int);
      });
    });
    return greatest;
  }

  /** How many numbers a list has, however long it is. */
  count(form: 'ints' | 'floats'): number {
    let count = 0;
    this.each(form, (fields) => {
      fields.visit(form === 'ints' ? 'int' : 'float', () => count++);
    });
    return count;
  }

  /** Whether a list of texts, however long, has this one. */
  includes(text: string): boolean {
    let found = false;
    this.each('texts', (fields) => {
      found = fields.text() === text || found;
    });
    return found;
  }

  tensor(): OnnxTensor {
    return readTensor(this.last('tensor', (fields) => fields.only()));
  }

  /** The fields of a subgraph, the same object each time. */
  graph(): Fields {
    return (this.subgraph ??= this.last('graph', (fields) => fields.only()));
  }

  private each(form: keyof typeof FORMS, read: (fields: Fields) => void): void {
    const { type, field } = FORMS[form];
    if (this.type !== type)
      throw new OnnxFileProblem(`its attribute "${this.name}" is of another type than it must be`);
    const fields = this.fields.again();
    while (fields.next()) {
      if (fields.number === field) read(fields);
    }
  }

  /** Of a field that is there twice, the last counts. */
  private last<T>(form: keyof typeof FORMS, read: (fields: Fields) => T): T {
    let value: { is: T } | undefined;
    this.each(form, (fields) => {
      value = { is: read(fields) };
    });
    if (!value) throw new OnnxFileProblem(`its attribute "${this.name}" has no value`);
    return value.is;
  }
}

/** By name. Two of a name cannot be told apart; a reference to a function's own attribute has no value. */
export function readAttributes(all: readonly Fields[]): Map<string, OnnxAttribute> {
  const attributes = new Map<string, OnnxAttribute>();
  for (const part of all) {
    const fields = part.again();
    let name = '';
    let type = 0;
    while (fields.next()) {
      if (fields.number === 1) name = fields.text();
      else if (fields.number === 20) type = fields.int();
      else if (fields.number === 21) throw new OnnxFileProblem('it takes an attribute from a function around it');
    }
    if (attributes.has(name)) throw new OnnxFileProblem(`it has two attributes "${name}"`);
    attributes.set(name, new OnnxAttribute(name, type, part));
  }
  return attributes;
}
