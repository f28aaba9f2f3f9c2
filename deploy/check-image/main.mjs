import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, megabytes } from './build.mjs';
import { Container } from './container.mjs';
import { checkFiles } from './files.mjs';
import { endAll } from './processes.mjs';
import { check, exitCode, expect, include, note } from './report.mjs';

const FOLDER = resolve(import.meta.dirname, '../..');
const PROBE = join(import.meta.dirname, 'probe.mjs');

/** Rows with known answers, of the model that answers /predict. */
const GOLDEN = 'models/credit-risk/1.0.0/golden.json';

/** A graph of one StringNormalizer, which ONNX Runtime cannot load without the locale en_US.UTF-8. */
const LOWER_CASE =
  'CAg6YQo4CgF4EgF5IhBTdHJpbmdOb3JtYWxpemVyKh4KEmNhc2VfY2hhbmdlX2FjdGlvbiIFTE9XRVKgAQMSAWdaEAoBeBILCgkICBIFCgMSAW5i' +
  'EAoBeRILCgkICBIFCgMSAW5CBAoAEBI=';
const RUN_LOWER_CASE = `
  const { InferenceSession, Tensor } = require('onnxruntime-node');
  InferenceSession.create(Buffer.from('${LOWER_CASE}', 'base64'))
    .then((session) => session.run({ x: new Tensor('string', ['ÄÖ'], [1]) }))
    .then(({ y }) => process.exit(y.data[0] === 'äö' ? 0 : 1));`;

if (process.getuid() !== 0) {
  console.error('deploy/check-image.sh needs to be root, for chroot and namespaces');
  process.exit(2);
}

const temp = mkdtempSync(join(tmpdir(), 'check-image-'));
const log = join(temp, 'log');
process.on('exit', () => rmSync(temp, { recursive: true, force: true, maxRetries: 10 }));
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
])
  process.on(signal, () => void endAll().then(() => process.exit(128 + number)));

await checkFiles(FOLDER, { temp, log });
let image;
await check('the steps of the Dockerfile succeed', async () => {
  image = await build(FOLDER, { temp, log, report: note });
});
if (image) {
  await checkImage(image);
  await checkService(image);
}
await endAll();
process.exit(exitCode());

/** What the image holds and says. */
async function checkImage({ root, workdir, env, user, cmd, labels, ports }) {
  const app = join(root, workdir);
  await check(`${workdir} holds what the service needs, and nothing else`, async () => {
    const names = readdirSync(app).sort().join(' ');
    expect(names === 'dist models node_modules package.json', names);
    const tests = readdirSync(join(app, 'dist'), { recursive: true }).filter((name) => name.includes('.spec.'));
    expect(tests.length === 0, `tests: ${tests.join(', ')}`);
    const parts = ['node_modules', 'node_modules/onnxruntime-node', 'dist', 'models'];
    const sizes = await Promise.all(parts.map(async (part) => `${part} ${await megabytes(join(app, part), log)}`));
    return `${await megabytes(app, log)} (${sizes.join(', ')})`;
  });
  await check('its user is a number, and not root', async () => {
    expect(/^[1-9]\d*:[1-9]\d*$/.test(user), user);
    return user;
  });
  await check('it listens for others, sends no telemetry, and starts node itself', async () => {
    expect(env.HOST === '0.0.0.0' && env.NODE_ENV === 'production', JSON.stringify(env));
    expect(env.ORT_DISABLE_TELEMETRY === '1', 'ORT_DISABLE_TELEMETRY is not set');
    expect(ports.includes(env.PORT), `EXPOSE ${ports.join(' ')}, PORT ${env.PORT}`);
    expect(cmd[0] === 'node', cmd.join(' '));
  });
  await check('its labels say what it is', async () => {
    for (const name of ['title', 'description', 'licenses', 'version', 'revision'])
      expect(labels[`org.opencontainers.image.${name}`], `no ${name}`);
  });
}

/** What the service does when it is started as a container. */
async function checkService(stage) {
  const container = new Container(stage, { log });
  if (!(await check('its CMD starts, read-only and without a network', () => container.start()))) return;
  await check('it is process 1 and has no rights', async () => {
    const { NSpid, Uid, Gid, CapEff, CapBnd, NoNewPrivs } = container.status;
    expect(NSpid.split(/\s+/).at(-1) === '1', `process ${NSpid}`);
    expect(!/\b0\b/.test(`${Uid} ${Gid}`), `Uid ${Uid}, Gid ${Gid}`);
    expect(/^0+$/.test(CapEff + CapBnd) && NoNewPrivs === '1', `CapEff ${CapEff}, CapBnd ${CapBnd}`);
  });
  const probe = container.enter(process.execPath, PROBE, stage.env.PORT, join(stage.root, stage.workdir, GOLDEN));
  void container.ended.finally(() => probe.child.kill());
  include(await probe.ended, probe.output);
  if (!(await check('it goes on running', async () => container.expectRunning()))) return;
  await check('its HEALTHCHECK tells a service that is there from one that is not', async () => {
    await container.exec(stage.healthcheck);
    const failed = await container.exec(stage.healthcheck, { PORT: '1' }).catch(() => 'failed');
    expect(failed === 'failed', 'it passes where nothing listens');
  });
  await check('text operators find their locale', async () => {
    await container.exec(['node', '-e', RUN_LOWER_CASE]);
  });
  await check('nothing of it can be written to', async () => {
    const write =
      "require('fs').writeFileSync('/tmp/ours', ''); try { require('fs').writeFileSync('models/x', ''); process.exit(1) } catch {}";
    await container.exec(['node', '-e', write]);
  });
  await check('SIGTERM ends it with 0', async () => {
    const began = Date.now();
    const code = await container.stop(20_000);
    expect(code === 0, `it ended with ${code}\n${container.lastLines}`);
    return `after ${Date.now() - began} ms`;
  });
}
