import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What tells cheaply whether a folder may have changed. */
export interface Stamp {
  /** Differs when a file was added, removed, renamed, replaced or written. */
  text: string;
  /** When the newest change was made, by the file system's clock, in milliseconds since 1970. */
  newest: number;
  /** Size of all files together. */
  bytes: number;
}

/** Weights beside a model may be spread over many files; whoever keeps more than that is not a version. */
const MOST_FILES = 1000;
const MOST_DEPTH = 4;

/** Reads names, sizes and times of all files in a folder, links followed. What vanishes meanwhile is left out. */
export async function stampOf(folder: string): Promise<Stamp> {
  const parts: string[] = [];
  let newest = 0;
  let bytes = 0;
  for await (const { path, file } of filesIn(folder)) {
    parts.push(`${path} ${file.dev}:${file.ino} ${file.size} ${file.mtimeMs}`);
    newest = Math.max(newest, file.ctimeMs);
    bytes += file.size;
  }
  return { text: parts.join('\n'), newest, bytes };
}

/** SHA-256 of the names and contents of all files in a folder. */
export async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const { path, file } of filesIn(folder)) {
    hash.update(`${path}\0${file.size}\0`);
    for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

interface Found {
  path: string;
  file: { dev: number; ino: number; size: number; mtimeMs: number; ctimeMs: number };
}

async function* filesIn(root: string): AsyncGenerator<Found> {
  const folders = [{ path: '', depth: 0 }];
  let left = MOST_FILES;
  for (const { path: folder, depth } of folders) {
    for (const name of (await readdir(join(root, folder)).catch((): string[] => [])).sort()) {
      if (name.startsWith('.') || --left < 0) continue;
      const path = join(folder, name);
      const file = await stat(join(root, path)).catch(() => undefined);
      if (file?.isFile()) yield { path, file };
      else if (file?.isDirectory() && depth < MOST_DEPTH) folders.push({ path, depth: depth + 1 });
    }
  }
}
