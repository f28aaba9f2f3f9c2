import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream';
import { type Info, parse } from 'csv-parse';
import { ImportProblem } from './import-problem.js';

/** Characters of a row; without a bound, a quote that is never closed would be read to the end of the file. */
const MAX_ROW = 1024 * 1024;

/** What csv-parse finds wrong with how a file is written. */
const MISTAKES: Partial<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened, and never closed',
  CSV_INVALID_CLOSING_QUOTE: 'something follows a closing quote; a quote inside a value is written twice',
  INVALID_OPENING_QUOTE: 'a quote stands inside a value that does not begin with one',
  CSV_MAX_RECORD_SIZE: `is longer than ${MAX_ROW} characters: is a quote never closed?`,
};

/** A row, and the line on which it ends. */
export interface CsvRow {
  line: number;
  cells: readonly string[];
}

/**
 * The rows of a CSV file as RFC 4180 has it, its header first, read as they are asked for. Empty lines are left out.
 *
 * @throws ImportProblem naming the line
 */
export async function* readCsv(path: string): AsyncGenerator<CsvRow> {
  const name = basename(path);
  // How long each row must be is the header's business, and is told by its line.
  const options = { info: true, relax_column_count: true, skip_empty_lines: true, max_record_size: MAX_ROW };
  const parser = parse(options);
  pipeline(
    createReadStream(path),
    (chunks: AsyncIterable<Buffer>) => decode(chunks, name),
    parser,
    () => undefined,
  );
  let last = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      last = info.lines;
      yield { line: last, cells: record };
    }
  } catch (error) {
    throw toProblem(error, name, last);
  }
}

/** Text, without the mark in front that some programs write, and with one kind of line ends, so that lines are counted right. */
async function* decode(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  let left = '';
  const take = (chunk?: Buffer): string => {
    try {
      return left + decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw new ImportProblem(`${name}:${line + linesBeforeMistake(chunk)}: is not UTF-8: save it as CSV UTF-8`);
    }
  };
  for await (const chunk of chunks) {
    const text = take(chunk);
    left = text.endsWith('\r') ? '\r' : '';
    const whole = text.slice(0, text.length - left.length).replaceAll('\r\n', '\n');
    line += whole.split('\n').length - 1;
    yield whole;
  }
  yield take();
}

function linesBeforeMistake(chunk: Buffer | undefined): number {
  const text = chunk?.toString() ?? '';
  return text.slice(0, Math.max(0, text.indexOf('\uFFFD'))).split('\n').length - 1;
}

/** @param last the line of the last row that is right */
function toProblem(error: unknown, name: string, last: number): Error {
  if (error instanceof ImportProblem) return error;
  const { code, lines, syscall } = error as { code: string; lines?: number; syscall?: string };
  if (syscall !== undefined) return new ImportProblem(`${name} cannot be read (${code})`);
  const mistake = MISTAKES[code];
  if (mistake === undefined) return error as Error;
  // A quote that is never closed is noticed at the end.
  const line = code === 'CSV_QUOTE_NOT_CLOSED' ? last + 1 : lines;
  return new ImportProblem(`${name}:${line}: ${mistake}`);
}
