import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Injectable } from '@nestjs/common';
import { firstLine } from '../common/errors.js';
import { SourceProblem } from '../common/source-file.js';
import { Settings } from '../config/settings.js';
import { stampOf } from './folder-stamp.js';
import { MODEL_FILE, readModelFile } from './model-file.js';
import { misnamedFiles } from './misnamed-files.js';
import {
  type ModelEntry,
  ModelRepository,
  type RepositoryContent,
  RepositoryProblem,
  type VersionEntry,
} from './repository.js';
import { compareVersions, isValidName, looksLikeVersion } from './version-name.js';

/** The only file that a version must have. */
export const MODEL_ONNX = 'model.onnx';
/** What the one version is called where MODELS_DIR is its folder and has no name of a version. */
const FLAT_VERSION = '1';

/** Models in a local folder: `MODELS_DIR/model/version/model.onnx`, or one model's or one version's folder. */
@Injectable()
export class FolderRepository extends ModelRepository {
  constructor(private readonly settings: Settings) {
    super();
  }

  async read(): Promise<RepositoryContent> {
    const root = resolve(this.settings.MODELS_DIR);
    const folders = await this.foldersIn(root);
    const isFlat = await exists(join(root, MODEL_ONNX));
    const isVersion = isFlat && looksLikeVersion(basename(root));
    const name = this.settings.MODEL_NAME ?? nameByFolder(root, isVersion);
    const nameOfOnly = () => {
      if (isValidName(name)) return name;
      throw new RepositoryProblem(
        `"${name}" cannot be the name of a model: set MODEL_NAME to 1 to 64 of A-Z a-z 0-9 . _ -`,
      );
    };
    const hints: string[] = [];
    const models: ModelEntry[] = [];
    if (isFlat) {
      const version = await readVersion(isVersion ? basename(root) : FLAT_VERSION, root, basename(root), hints);
      models.push(await withSpec(nameOfOnly(), root, [version]));
    } else if (await isModelFolder(root, folders, this.settings.MODEL_NAME !== undefined)) {
      models.push(await readModel(nameOfOnly(), root, hints));
    } else {
      hints.push(...(await looseFiles(root)));
      for (const folder of folders) {
        if (isValidName(folder)) models.push(await readModel(folder, join(root, folder), hints));
        else hints.push(`${folder}: ignored, a model's name is 1 to 64 of A-Z a-z 0-9 . _ -`);
      }
    }
    if (this.settings.DEFAULT_MODEL === undefined)
      hints.push(...hintsAtPrimaries(models.filter(({ spec }) => spec.primary).map((model) => model.name)));
    if (models.length === 0) {
      throw new RepositoryProblem(
        `MODELS_DIR ${this.settings.MODELS_DIR} holds no model: add one as <model>/<version>/${MODEL_ONNX}`,
      );
    }
    return { models, hints };
  }

  private async foldersIn(root: string): Promise<string[]> {
    try {
      return await subfolders(root);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const what = {
        ENOENT: 'does not exist',
        ENOTDIR: 'is not a folder',
        EACCES: 'cannot be read: permission denied',
      }[code ?? ''];
      throw new RepositoryProblem(
        `MODELS_DIR ${this.settings.MODELS_DIR} ${what ?? `cannot be read (${code ?? firstLine(error)})`}`,
      );
    }
  }
}

/** Hints at models that lie beside the folders of models. */
async function looseFiles(root: string): Promise<string[]> {
  const names = await readdir(root);
  return names
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => `${name}: ignored, move it to ${basename(name, '.onnx')}/1/${MODEL_ONNX}`);
}

function hintsAtPrimaries([first, ...others]: readonly string[]): string[] {
  return others.map((other) => `${other}/${MODEL_FILE}: primary is left out, since ${first} is primary, too; set DEFAULT_MODEL or remove one`); // prettier-ignore
}

/** The name of the one model that there is: its folder's, which holds that of its version. */
function nameByFolder(root: string, isVersion: boolean): string {
  const parent = basename(dirname(root));
  return isVersion && isValidName(parent) ? parent : basename(root);
}

/** Whether the folder is one model's: it has a model.yaml, or its subfolders are versions rather than models. */
async function isModelFolder(root: string, folders: readonly string[], isNamed: boolean): Promise<boolean> {
  if (await exists(join(root, MODEL_FILE))) return true;
  for (const folder of folders) {
    if ((isNamed || looksLikeVersion(folder)) && (await exists(join(root, folder, MODEL_ONNX)))) return true;
  }
  return false;
}

async function readModel(name: string, folder: string, hints: string[]): Promise<ModelEntry> {
  let names: string[];
  try {
    names = await subfolders(folder);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return { name, spec: {}, versions: [], isUnreadable: true, problem: `cannot be read (${code})` };
  }
  hints.push(...(await misnamedFiles(folder, name)));
  const versions: VersionEntry[] = [];
  for (const version of names) {
    if (version === 'latest') hints.push(`${name}/latest: ignored, \`latest\` always means the highest version`);
    else if (isValidName(version))
      versions.push(await readVersion(version, join(folder, version), `${name}/${version}`, hints));
    else hints.push(`${name}/${version}: ignored, a version's name is 1 to 64 of A-Z a-z 0-9 . _ -`);
  }
  versions.sort((a, b) => compareVersions(a.version, b.version));
  if (versions.length > 0) return withSpec(name, folder, versions);
  const isFlat = await exists(join(folder, MODEL_ONNX));
  const remedy = isFlat
    ? `move ${MODEL_ONNX} into a folder named for its version: ${name}/1/${MODEL_ONNX}`
    : `add ${name}/<version>/${MODEL_ONNX}`;
  return { name, spec: {}, versions, problem: `has no version: ${remedy}` };
}

async function withSpec(name: string, folder: string, versions: readonly VersionEntry[]): Promise<ModelEntry> {
  const warnings: string[] = [];
  try {
    const names = versions.map(({ version }) => version);
    return { name, spec: await readModelFile(folder, names, warnings), versions, warnings };
  } catch (error) {
    if (!(error instanceof SourceProblem)) throw error;
    return { name, spec: {}, versions, problem: error.message };
  }
}

async function readVersion(version: string, folder: string, path: string, hints: string[]): Promise<VersionEntry> {
  hints.push(...(await misnamedFiles(folder, path, MODEL_ONNX)));
  const file = await stat(join(folder, MODEL_ONNX)).catch(() => undefined);
  return { version, folder, bytes: file?.size, stamp: await stampOf(folder) };
}

/** Names of the folders in a folder, links followed, dot names left out, sorted. */
async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(folder, entry.name)))))
      names.push(entry.name);
  }
  return names.sort();
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
