import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type OpenAPIObject } from '@nestjs/swagger';
import { KeyRing } from './support/key-ring.js';
import { SHIPPED } from './support/model-folder.js';
import { ServiceProcess } from './support/process.js';
import { NO_PYTHON, Python } from './support/python.js';

/** Requests that the scan makes, at least. */
const CASES = Number(process.env.OPENAPI_SCAN_CASES ?? 2000);

jest.setTimeout(600_000);

const python = await Python.find('openapi-scan');
const title = (name: string) => (python ? name : `${name} (skipped: ${NO_PYTHON})`);
const withPython = python ? describe : describe.skip;

/** What schemathesis says of a run. */
interface Report {
  test_cases: { generated: number };
}

withPython(title('a scan of the OpenAPI document by schemathesis'), () => {
  let folder: string;
  let keys: KeyRing;
  let service: ServiceProcess;
  let url: string;
  let key: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-scan-'));
    keys = await KeyRing.make();
    key = await keys.add('scan', ['predict', 'read', 'admin']);
    service = await ServiceProcess.start({
      MODELS_DIR: SHIPPED,
      DATABASE_URL: 'sqlite::memory:',
      LOG_REQUESTS: 'off',
      AUTH_PUBLIC: 'probes,metrics,docs',
      RATE_LIMIT: '1000000/1s',
      ...keys.environment,
    });
    url = await service.url();
  });
  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    await keys.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it('finds no answer that the document does not tell of, and no 500', async () => {
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as OpenAPIObject;
    const operations = Object.values(paths).flatMap((item) => Object.keys(item)).length;
    await writeFile(join(folder, 'schemathesis.toml'), configuration(key));
    // All checks are on; named here they would win over what is said of single operations.
    // One worker: with two its generator fails now and then, since Python 3.11 must not read source in two threads at
    // once ("AST constructor recursion depth mismatch").
    const words = ['run', `${url}/openapi.json`, '--workers', '1', '--no-color'];
    // What it makes of the document's own words and limits is about as many again.
    words.push('--continue-on-failure', '-n', String(Math.ceil(CASES / operations / 2)));
    words.push('--report', 'json', '--report-json-path', join(folder, 'report.json'));
    const { code, output } = await (python as Python).module('schemathesis.cli', words, folder);
    if (code !== 0) throw new Error(output);
    const { test_cases: cases } = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')) as Report;
    expect(cases.generated).toBeGreaterThanOrEqual(CASES);
    expect(service.log.filter(({ level }) => level === 'error')).toEqual([]);
    expect(service.stderr).toBe('');
  });
});

function configuration(key: string): string {
  return `
[generation]
# A server passes over headers that it does not know, and the scan would have them refused.
allow-extra-parameters = false
# Else each request would have two credentials: a random one, and that below.
with-security-parameters = false

[checks.not_a_server_error]
# What models say that the scan itself has unloaded, and requests that ask for an answer within a millisecond.
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]

[auth.openapi.bearer]
bearer = "${key}"

# Names that are made up would be answered 404 and nothing else.
[[operations]]
include-path-regex = "^/v2/models/.model."
parameters = { "path.model" = "credit-risk", "path.version" = "1.0.0" }
# Which tensors a model takes, and where its JSON ends, a schema for all models cannot say.
checks.positive_data_acceptance.enabled = false
`;
}
