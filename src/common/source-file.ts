import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isMap, LineCounter, parseDocument, type Document } from 'yaml';

/** Golden rows with images take some megabytes; anything larger is a mistake (a model renamed to .yaml, say). */
const MAX_BYTES = 16 * 1024 * 1024;

export type SourcePath = readonly (string | number)[];

/** What is wrong with a file, as one line for the person who wrote it: `signature.yaml:12: …`. */
export class SourceProblem extends Error {}

/** A YAML or JSON file that still knows on which line each of its values stands. */
export class SourceFile {
  private parsed: { document: Document; lines: LineCounter } | undefined;

  private constructor(
    readonly name: string,
    readonly text: string,
  ) {}

  /**
   * @param name what it is called in messages
   * @throws SourceProblem when the file is missing, too large, or unreadable
   */
  static async read(path: string, name = basename(path)): Promise<SourceFile> {
    const file = await SourceFile.readIfThere(path, name);
    if (file) return file;
    throw new SourceProblem(`${name}: does not exist`);
  }

  /** As `read`, but undefined when the file is missing. */
  static async readIfThere(path: string, name = basename(path)): Promise<SourceFile | undefined> {
    try {
      const { size } = await stat(path);
      if (size > MAX_BYTES) throw new SourceProblem(`${name}: is larger than ${String(MAX_BYTES)} bytes`);
      return new SourceFile(name, await readFile(path, 'utf8'));
    } catch (error) {
      if (error instanceof SourceProblem) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new SourceProblem(`${name}: cannot be read (${code ?? 'unknown error'})`, { cause: error });
    }
  }

  /**
   * The file's value as plain data. YAML aliases are bounded by the parser.
   *
   * @throws SourceProblem naming the line of the first syntax error
   */
  value(): unknown {
    try {
      // JSON is YAML too, but this is a hundred times faster; what is wrong with it, YAML says with its line.
      if (this.name.endsWith('.json')) return JSON.parse(this.text);
    } catch {
      /* below */
    }
    try {
      return this.parse().document.toJS();
    } catch (error) {
      if (error instanceof SourceProblem) throw error;
      throw new SourceProblem(`${this.name}: ${(error as Error).message}`, { cause: error });
    }
  }

  private parse(): { document: Document; lines: LineCounter } {
    if (this.parsed) return this.parsed;
    const lines = new LineCounter();
    const document = parseDocument(this.text, { lineCounter: lines, prettyErrors: false });
    const error = document.errors[0];
    if (error) throw new SourceProblem(`${this.name}:${lines.linePos(error.pos[0]).line}: ${error.message}`);
    return (this.parsed = { document, lines });
  }

  /** A problem at a place in the file, as `file:line: where: message`. */
  problem(path: SourcePath, message: string): SourceProblem {
    const where = path.join('.');
    return new SourceProblem(
      `${this.name}:${String(this.lineOf(path))}: ${where === '' ? '' : `${where}: `}${message}`,
    );
  }

  /** A single value as it is written, before YAML makes a number or a date of it. */
  writtenAt(path: SourcePath): string | undefined {
    return (this.parse().document.getIn(path, true) as { source?: string } | undefined)?.source;
  }

  /** The 1-based line of the value at `path`, or of the nearest thing around it that exists. */
  private lineOf(path: SourcePath): number {
    const { document, lines } = this.parse();
    for (let depth = path.length; depth > 0; depth--) {
      const offset = offsetOf(document, path.slice(0, depth));
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 1;
  }
}

function offsetOf(document: Document, path: SourcePath): number | undefined {
  const parent: unknown = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => String(key) === String(last));
    return (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0];
  }
  const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
  return node?.range?.[0];
}
