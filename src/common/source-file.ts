import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isMap, LineCounter, parseDocument, type Document } from 'yaml';

/** A hand-written file is small; anything larger is a mistake (a model renamed to .yaml, say). */
const MAX_BYTES = 1024 * 1024;

export type SourcePath = readonly (string | number)[];

/** What is wrong with a file, as one line for the person who wrote it: `signature.yaml:12: …`. */
export class SourceProblem extends Error {}

/** A YAML or JSON file that still knows on which line each of its values stands. */
export class SourceFile {
  private constructor(
    readonly name: string,
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  /** @throws SourceProblem when the file is missing, too large, unreadable, or not YAML */
  static async read(path: string): Promise<SourceFile> {
    const file = await SourceFile.readIfThere(path);
    if (file) return file;
    throw new SourceProblem(`${basename(path)}: does not exist`);
  }

  /** As `read`, but undefined when the file is missing. */
  static async readIfThere(path: string): Promise<SourceFile | undefined> {
    const name = basename(path);
    try {
      const { size } = await stat(path);
      if (size > MAX_BYTES) throw new SourceProblem(`${name}: is larger than ${String(MAX_BYTES)} bytes`);
      return SourceFile.parse(name, await readFile(path, 'utf8'));
    } catch (error) {
      if (error instanceof SourceProblem) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new SourceProblem(`${name}: cannot be read (${code ?? 'unknown error'})`, { cause: error });
    }
  }

  /** @throws SourceProblem naming the line of the first syntax error */
  static parse(name: string, text: string): SourceFile {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const error = document.errors[0];
    if (error) {
      const { line } = lines.linePos(error.pos[0]);
      throw new SourceProblem(`${name}:${String(line)}: ${error.message}`);
    }
    return new SourceFile(name, document, lines);
  }

  /** The file's value as plain data. YAML aliases are bounded by the parser. */
  value(): unknown {
    try {
      return this.document.toJS();
    } catch (error) {
      throw new SourceProblem(`${this.name}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** A problem at a place in the file, as `file:line: where: message`. */
  problem(path: SourcePath, message: string): SourceProblem {
    const where = path.join('.');
    return new SourceProblem(
      `${this.name}:${String(this.lineOf(path))}: ${where === '' ? '' : `${where}: `}${message}`,
    );
  }

  /** The 1-based line of the value at `path`, or of the nearest thing around it that exists. */
  private lineOf(path: SourcePath): number {
    for (let depth = path.length; depth > 0; depth--) {
      const offset = this.offsetOf(path.slice(0, depth));
      if (offset !== undefined) return this.lines.linePos(offset).line;
    }
    return 1;
  }

  private offsetOf(path: SourcePath): number | undefined {
    const parent: unknown = path.length > 1 ? this.document.getIn(path.slice(0, -1), true) : this.document.contents;
    const last = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => String(key) === String(last));
      return (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0];
    }
    const node = this.document.getIn(path, true) as { range?: [number, number, number] } | undefined;
    return node?.range?.[0];
  }
}
