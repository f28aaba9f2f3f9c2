import { createRequire } from 'node:module';
import { type NestExpressApplication } from '@nestjs/platform-express';

/** Keeps the bundle from fetching its logo and fonts from elsewhere. */
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:";

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Nestor API</title>
    <style>body { margin: 0 }</style>
  </head>
  <body>
    <redoc spec-url="/openapi.json"></redoc>
    <script src="/redoc/redoc.standalone.js"></script>
  </body>
</html>
`;

/** Serves ReDoc from this server alone. */
export function serveRedoc(app: NestExpressApplication): void {
  const bundle = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
  const express = app.getHttpAdapter().getInstance();
  express.get('/redoc', (_request, response) => {
    response.set('Content-Security-Policy', POLICY).type('html').send(PAGE);
  });
  express.get('/redoc/redoc.standalone.js', (_request, response) => {
    response.sendFile(bundle, { maxAge: '1 day' });
  });
}
