import { copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { makeBaseImage } from './base-image.mjs';
import { contextFiles } from './context.mjs';
import { command, expand, pairs, parse } from './dockerfile.mjs';
import { run } from './processes.mjs';
import { runInside } from './run-inside.mjs';

/** What a builder sets by itself. */
const ARCHITECTURE = { x64: 'amd64', arm64: 'arm64' }[process.arch];
const PLATFORM = { TARGETARCH: ARCHITECTURE, BUILDPLATFORM: `linux/${ARCHITECTURE}` };
const BASE_ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/**
 * Carries out the Dockerfile of `folder`, each stage in a folder of its own below `temp`.
 *
 * @param report called after each step that took a while, with a line about it
 * @returns the last stage: `{ root, env, workdir, user, cmd, healthcheck, labels, ports }`
 */
export async function build(folder, { temp, log, report }) {
  const builder = new Builder(folder, { temp, log, report });
  for (const instruction of parse(readFileSync(join(folder, 'Dockerfile'), 'utf8'))) {
    const step = builder[instruction.name];
    const where = `Dockerfile:${instruction.line} ${instruction.name}`;
    if (!step) throw new Error(`${where}: not known to this check`);
    await step.call(builder, instruction).catch((error) => {
      throw new Error(`${where}: ${error.message}`);
    });
  }
  return builder.stage;
}

class Builder {
  stages = new Map();
  images = new Map();
  globals = {};

  constructor(folder, { temp, log, report }) {
    Object.assign(this, { folder, temp, log, report, files: contextFiles(folder) });
  }

  get variables() {
    return { ...this.stage.args, ...this.stage.env };
  }

  async FROM({ text }) {
    const [from, , name = `stage-${this.stages.size}`] = expand(text, { ...this.globals, ...PLATFORM }).split(/\s+/);
    const parent = this.stages.get(from) ?? (await this.image(from));
    const root = join(this.temp, 'stages', name);
    mkdirSync(dirname(root), { recursive: true });
    await run('cp', ['-a', parent.root, root], { log: this.log });
    this.stage = { ...parent, root, env: { ...parent.env }, args: {}, labels: { ...parent.labels }, ports: [] };
    this.stages.set(name, this.stage);
  }

  async image(name) {
    if (!this.images.has(name)) {
      const root = join(this.temp, 'images', name.replace(/\W/g, '-'));
      mkdirSync(dirname(root), { recursive: true });
      const made = await makeBaseImage(name, root, this);
      this.report(`${name} is stood in for by ${made}`);
      this.images.set(name, { root, env: BASE_ENVIRONMENT, workdir: '/', user: '0:0', labels: {} });
    }
    return this.images.get(name);
  }

  async ARG({ text }) {
    const [, name, value = ''] = /^(\w+)(?:=(.*))?$/.exec(text) ?? [];
    if (!name) throw new Error(`cannot be read: ${text}`);
    if (this.stage)
      this.stage.args[name] = PLATFORM[name] ?? (expand(value, this.variables) || this.globals[name] || '');
    else this.globals[name] = value;
  }

  async ENV({ text }) {
    for (const [name, value] of pairs(text, this.variables)) this.stage.env[name] = value;
  }

  async LABEL({ text }) {
    for (const [name, value] of pairs(text, this.variables)) this.stage.labels[name] = value;
  }

  async WORKDIR({ text }) {
    this.stage.workdir = join(this.stage.workdir, expand(text, this.variables));
    mkdirSync(join(this.stage.root, this.stage.workdir), { recursive: true });
  }

  async USER({ text }) {
    this.stage.user = expand(text, this.variables);
  }

  async EXPOSE({ text }) {
    this.stage.ports.push(...text.split(/\s+/));
  }

  async ENTRYPOINT({ text }) {
    if (text !== '[]') throw new Error('not known to this check, but for none');
  }

  async CMD({ text }) {
    this.stage.cmd = command(text);
  }

  async HEALTHCHECK({ text }) {
    this.stage.healthcheck = command(text.replace(/^CMD\s+/, ''));
  }

  async COPY({ flags, text }) {
    const words = expand(text, this.variables).split(/\s+/);
    const to = words.pop();
    const target = to.startsWith('/') ? join(this.stage.root, to) : join(this.stage.root, this.stage.workdir, to);
    const isFolder = to.endsWith('/') || words.length > 1;
    const from = flags.find(({ name }) => name === 'from')?.value;
    if (flags.some(({ name }) => name !== 'from')) throw new Error('a flag that is not known to this check');
    for (const word of words) {
      if (/[*?[]/.test(word)) throw new Error('patterns are not known to this check');
      if (from) await this.copyFromStage(this.stages.get(from), word, target, isFolder);
      else this.copyFromContext(word.replace(/^\.?\//, ''), target, isFolder);
    }
  }

  async copyFromStage(stage, word, target, isFolder) {
    if (!stage) throw new Error('no such stage');
    const source = join(stage.root, word);
    const wholeFolder = statSync(source).isDirectory();
    mkdirSync(wholeFolder || isFolder ? target : dirname(target), { recursive: true });
    await run('cp', ['-a', wholeFolder ? `${source}/.` : source, target], { log: this.log });
  }

  copyFromContext(word, target, isFolder) {
    const found = this.files.filter((file) => file === word || file.startsWith(`${word}/`));
    if (found.length === 0) throw new Error(`${word} is not there, or .dockerignore leaves it out`);
    for (const file of found) {
      const to =
        file !== word ? join(target, file.slice(word.length)) : isFolder ? join(target, basename(file)) : target;
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(join(this.folder, file), to);
    }
  }

  async RUN({ line, flags, text }) {
    const began = performance.now();
    await runInside(this.stage, command(text), { flags, variables: this.variables, temp: this.temp, log: this.log });
    const seconds = Math.round((performance.now() - began) / 1000);
    const start = text.split(/\s+/).slice(0, 3).join(' ');
    this.report(`Dockerfile:${line} RUN ${start} …: ${seconds} s${await this.size()}`);
  }

  async size() {
    const { root, workdir } = this.stage;
    return workdir === '/' ? '' : `, ${workdir} is then ${await megabytes(join(root, workdir), this.log)}`;
  }
}

/** How much a folder holds, in words. */
export async function megabytes(folder, log) {
  const [bytes] = (await run('du', ['-sb', folder], { log })).split('\t');
  return `${(Number(bytes) / 1e6).toFixed(0)} MB`;
}
