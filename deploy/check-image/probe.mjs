/**
 * Asks a running service what its users would. usage: node probe.mjs PORT GOLDEN, in the service's network; GOLDEN is
 * the golden.json of version 1.0.0 of the model that answers /predict.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, exitCode, expect } from './report.mjs';

const [port, golden] = process.argv.slice(2);
const PATIENCE_MS = 60_000;

await check('it becomes ready', async () => {
  const began = Date.now();
  for (;;) {
    const status = await ask('/health/ready').then(
      (answer) => answer.status,
      (error) => error.cause?.code ?? error.message,
    );
    if (status === 200) return `after ${Date.now() - began} ms`;
    expect(Date.now() - began < PATIENCE_MS, `still ${status} after ${PATIENCE_MS} ms`);
    await sleep(50);
  }
});

await check('POST /predict answers as the model should', async () => {
  const [{ features, expect: known, tolerance }] = JSON.parse(readFileSync(golden, 'utf8'));
  const answer = await ask('/predict', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Model-Version': '1.0.0' },
    body: JSON.stringify(features),
  });
  const text = await answer.text();
  expect(answer.status === 200, `${answer.status} ${text}`);
  const { prediction, prediction_class: named } = JSON.parse(text);
  expect(Math.abs(prediction - known.prediction) <= tolerance, `${prediction} in place of ${known.prediction}`);
  return `${named}, ${prediction}`;
});

await check('/openapi.json describes it', async () => {
  const document = await (await page('/openapi.json', 1000)).json();
  expect(document.openapi?.startsWith('3.1') && document.paths?.['/predict'], 'not OpenAPI 3.1 with /predict');
});

await check('/docs and its bundle', async () => {
  await page('/docs', 200);
  await page('/docs/swagger-ui-bundle.js', 500_000);
});

await check('/redoc and its bundle', async () => {
  await page('/redoc', 200);
  await page('/redoc/redoc.standalone.js', 500_000);
});

await check('it serves without a place for its database, and says so', async () => {
  const began = Date.now();
  for (;;) {
    const answer = await ask('/health/ready');
    const { details } = await answer.json();
    expect(answer.status === 200, `${answer.status}`);
    if (details.database.status === 'degraded') return;
    expect(Date.now() - began < PATIENCE_MS, `the database is ${details.database.status}`);
    await sleep(50);
  }
});

await check('/metrics', async () => {
  await page('/metrics', 500);
});

process.exitCode = exitCode();

function ask(path, options) {
  return globalThis.fetch(`http://127.0.0.1:${port}${path}`, options);
}

/** A page that is there and at least so many bytes long. */
async function page(path, bytes) {
  const answer = await ask(path);
  const copy = answer.clone();
  const { byteLength } = await answer.arrayBuffer();
  expect(answer.status === 200 && byteLength >= bytes, `${path}: ${answer.status}, ${byteLength} bytes`);
  return copy;
}
