import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { KeyRing } from './support/key-ring.js';
import { Service } from './support/service.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Reported as skipped where the machine has no Chromium. */
const inBrowser = BROWSER === undefined ? it.skip : it;

describe('the pages in a browser', () => {
  let service: Service;
  let context: BrowserContext | undefined;
  let profile: string;
  let asked: string[];
  beforeAll(async () => {
    service = await Service.start();
    profile = await mkdtemp(join(tmpdir(), 'nestor-browser-'));
    if (BROWSER !== undefined)
      context = await chromium.launchPersistentContext(profile, {
        executablePath: BROWSER,
        headless: true,
        args: ARGUMENTS,
      });
  });
  afterAll(async () => {
    await context?.close();
    await service.stop();
    await rm(profile, { recursive: true, force: true });
  });

  /** Opens a page, noting every address that answered it: what the page's policy blocks never leaves the browser. */
  async function open(path: string, { url } = service): Promise<Page> {
    const page = (await context?.newPage()) as Page;
    asked = [];
    page.on('requestfinished', (request) => asked.push(request.url()));
    await page.goto(url + path);
    return page;
  }

  const expectOnlyOurs = () => {
    expect(asked.filter((url) => !url.startsWith(service.url) && !/^(data|blob):/.test(url))).toEqual([]);
  };

  inBrowser('/docs: “Try it out” gives a prediction at once', async () => {
    const page = await open('/docs');
    const operation = page.locator('.opblock-post', { has: page.locator('[data-path="/predict"]') });
    await operation.locator('.opblock-summary-control').click();
    await operation.locator('button.execute').click();
    await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
    expect(await operation.locator('.live-responses-table').innerText()).toContain('"prediction_class": "approved"');
    expectOnlyOurs();
  });

  inBrowser('/docs, where AUTH is on: what the Authorize button is given is sent', async () => {
    const ring = await KeyRing.make();
    const guarded = await Service.start({ ...ring.environment, AUTH_PUBLIC: 'docs' });
    try {
      const key = await ring.add('browser', ['predict']);
      const page = await open('/docs', guarded);
      const operation = page.locator('.opblock-post', { has: page.locator('[data-path="/predict"]') });
      const answered = (status: string) =>
        operation.locator('.live-responses-table .response-col_status', { hasText: status }).waitFor();
      await operation.locator('.opblock-summary-control').click();
      await operation.locator('button.execute').click();
      await answered('401');
      await page.locator('.auth-wrapper .btn.authorize').first().click();
      await page.locator('#auth-bearer-value').fill(key);
      await page.locator('.auth-container', { has: page.locator('#auth-bearer-value') }).locator('button.authorize').click(); // prettier-ignore
      await page.locator('.modal-ux .btn-done').first().click();
      await operation.locator('button.execute').click();
      await answered('200');
    } finally {
      await guarded.stop();
      await ring.remove();
    }
  });

  inBrowser('/redoc: shows the models, from this server alone', async () => {
    const page = await open('/redoc');
    await page.getByText('employment_type').first().waitFor();
    expect(await page.locator('body').innerText()).toContain('Predict one row with credit-risk');
    expectOnlyOurs();
  });
});
