import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { misspeltSettings, readSettings, SETTING_NAMES, SettingsProblem } from './read-settings.js';

describe('settings', () => {
  it('defaults serve a laptop', () => {
    expect(readSettings({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 8000,
      MODELS_DIR: './models',
      MAX_BATCH_SIZE: 100,
      BODY_LIMIT: 10_485_760,
      DOCS: true,
    });
  });

  it('reads each kind, and takes an empty value as not set', () => {
    const settings = readSettings({
      PORT: ' 9000 ',
      BODY_LIMIT: '512kb',
      DOCS: 'off',
      LOG_LEVEL: 'WARN',
      REQUIRED_MODELS: 'a, b,',
      HOST: '',
      LOG_FEATURES: '1',
    });
    expect(settings).toMatchObject({
      PORT: 9000,
      BODY_LIMIT: 524_288,
      DOCS: false,
      LOG_LEVEL: 'warn',
      REQUIRED_MODELS: ['a', 'b'],
      HOST: '127.0.0.1',
      LOG_FEATURES: true,
    });
  });

  it('is frozen', () => {
    expect(Object.isFrozen(readSettings({}))).toBe(true);
  });

  it.each(SETTING_NAMES)('%s of nonsense is its problem alone, if it is one', (name) => {
    const told: unknown[] = [];
    try {
      readSettings({ [name]: '<?>', PORT: name === 'PORT' ? '<?>' : 'y' });
    } catch (error) {
      expect(error).toBeInstanceOf(SettingsProblem);
      told.push(...(error as SettingsProblem).problems);
    }
    expect(told).toContain('PORT must be a whole number from 0 to 65535');
    for (const problem of told) expect(problem).toMatch(new RegExp(`^(PORT|${name}) `));
  });

  it('names every problem at once, and no value', () => {
    const bad = {
      PORT: '70000',
      BODY_LIMIT: '10 apples',
      LOG_REQUESTS: 'some',
      DOCS: 'secret',
      MAX_BATCH_SIZE: '1.5',
      INFERENCE_THREADS: '0',
    };
    let problems: readonly string[] = [];
    try {
      readSettings(bad);
    } catch (error) {
      problems = (error as SettingsProblem).problems;
    }
    expect([...problems].sort()).toEqual([
      'BODY_LIMIT must be a size such as 512kb, 10mb or 1gb',
      'DOCS must be true or false',
      'INFERENCE_THREADS must be a whole number from 1 to 1024',
      'LOG_REQUESTS must be one of both, completed, off',
      'MAX_BATCH_SIZE must be a whole number from 1 to 1000000',
      'PORT must be a whole number from 0 to 65535',
    ]);
  });

  it.each([
    ['TRUSTED_PROXIES', '10.0.0.0/8, 192.168.1.7,fd00::/8,::1,0.0.0.0/0', true],
    ['TRUSTED_PROXIES', '10.0.0.0/33', false],
    ['TRUSTED_PROXIES', '10.0.0', false],
    ['TRUSTED_PROXIES', 'fd00::/129', false],
    ['TRUSTED_PROXIES', 'fe80::1%eth0', false],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8', false],
    ['TRUSTED_PROXIES', '10.0.0.0/', false],
    ['TRUSTED_PROXIES', 'proxy.example.com', false],
    ['CORS_ORIGINS', 'https://app.example.com,http://localhost:3000', true],
    ['CORS_ORIGINS', '*', true],
    ['CORS_ORIGINS', 'https://app.example.com/', false],
    ['CORS_ORIGINS', 'https://App.example.com', false],
    ['CORS_ORIGINS', 'https://app.example.com:443', false],
    ['CORS_ORIGINS', 'app.example.com', false],
    ['CORS_ORIGINS', 'https://*.example.com', false],
    ['CORS_ORIGINS', 'null', false],
    ['CORS_ORIGINS', 'file:///', false],
  ] as const)('%s may be %s: %s', (name, text, isValid) => {
    const read = () => readSettings({ [name]: text });
    if (isValid) expect(read()[name]).toEqual(text.split(',').map((one) => one.trim()));
    else expect(read).toThrow(name);
  });

  it('refuses workers whose database would be one each', () => {
    const alone = { DATABASE_URL: 'sqlite::memory:' };
    expect(readSettings(alone).WORKERS).toBe(1);
    expect(() => readSettings({ ...alone, WORKERS: '2' })).toThrow(SettingsProblem);
  });

  it('points at names that look like settings and are none', () => {
    const environment = {
      MODEL_DIR: 'x',
      LOGLEVEL: 'x',
      POTR: '1',
      PATH: 'x',
      HOME: 'x',
      TERM: 'x',
      LANG: 'x',
      SHELL: 'x',
      TOTALLY_OTHER: 'x',
    };
    expect(misspeltSettings(environment, ['TOTALLY_OTHER'])).toEqual([
      'MODEL_DIR is not a setting; did you mean MODELS_DIR?',
      'LOGLEVEL is not a setting; did you mean LOG_LEVEL?',
      'TOTALLY_OTHER in .env is not a setting',
    ]);
  });

  it('are all told of in .env.example and in the README', async () => {
    const [example, readme] = await Promise.all(['.env.example', 'README.md'].map((file) => readFile(file, 'utf8')));
    for (const name of SETTING_NAMES) {
      expect(example).toMatch(new RegExp(`^# ?${name}=`, 'm'));
      expect(readme).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, 'm'));
    }
  });
});
