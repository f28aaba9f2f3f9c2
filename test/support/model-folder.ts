import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Models that ship with the service. */
export const SHIPPED = join(process.cwd(), 'models');

/** A temporary MODELS_DIR. */
export class ModelFolder {
  private constructor(readonly path: string) {}

  /** @param files contents by path, as in `iris/1.0.0/model.onnx` */
  static async with(files: Record<string, string | Uint8Array> = {}): Promise<ModelFolder> {
    const folder = new ModelFolder(await mkdtemp(join(tmpdir(), 'nestor-models-')));
    for (const [path, content] of Object.entries(files)) await folder.write(path, content);
    return folder;
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const target = join(this.path, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }

  read(path: string): Promise<Uint8Array> {
    return readFile(join(this.path, path));
  }

  /** Copies a shipped model or version, as in `credit-risk/1.0.0`. */
  async copyShipped(from: string, to = from): Promise<this> {
    await cp(join(SHIPPED, from), join(this.path, to), { recursive: true });
    return this;
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
