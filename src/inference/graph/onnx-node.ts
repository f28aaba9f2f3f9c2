import { type OnnxAttribute, readAttributes } from './onnx-attribute.js';
import { append } from './limits.js';
import { type Fields } from './wire.js';

/** One step of the graph. */
export class OnnxNode {
  private known: Map<string, OnnxAttribute> | undefined;

  constructor(
    readonly name: string,
    readonly operator: string,
    /** Empty for the standard operators. */
    readonly domain: string,
    /** An input that is left out is the empty name; so is an output. */
    readonly inputs: readonly string[],
    readonly outputs: readonly string[],
    private readonly attributeFields: readonly Fields[],
  ) {}

  /** @throws OnnxFileProblem when the attributes cannot be told apart, or hold a reference to a function's own */
  get attributes(): ReadonlyMap<string, OnnxAttribute> {
    return (this.known ??= readAttributes(this.attributeFields));
  }
}

export function readNode(fields: Fields): OnnxNode {
  let name = '';
  let operator = '';
  let domain = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Fields[] = [];
  while (fields.next()) {
    if (fields.number === 1) append(inputs, fields.text());
    else if (fields.number === 2) append(outputs, fields.text());
    else if (fields.number === 3) name = fields.text();
    else if (fields.number === 4) operator = fields.text();
    else if (fields.number === 5) attributes.push(fields.message());
    else if (fields.number === 7) domain = standardDomain(fields.text());
  }
  return new OnnxNode(name, operator, domain, inputs, outputs, attributes);
}

/** `ai.onnx` is the long name of the standard operators' domain. */
export function standardDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}
