import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { type Express, type RequestHandler } from 'express';
import { PAGE_HEADERS, setHeaders } from '../http/security-headers.js';

interface Page {
  path: string;
  /** Files of packages that it asks for, served below its path by their own names. */
  assets: readonly string[];
  /** What its body holds. */
  body: string;
  /** What runs once its assets are there. */
  script?: string;
}

const PAGES: readonly Page[] = [
  {
    path: '/docs',
    assets: ['swagger-ui-dist/swagger-ui.css', 'swagger-ui-dist/swagger-ui-bundle.js'],
    body: '<div id="swagger-ui"></div>',
    // Without `validatorUrl` the page tells a server of its makers where the document is.
    script: `SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: '/openapi.json',
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
});
`,
  },
  {
    path: '/redoc',
    assets: ['redoc/bundles/redoc.standalone.js'],
    body: '<redoc spec-url="/openapi.json"></redoc>',
  },
];

/**
 * Serves Swagger UI and ReDoc, from this server alone.
 *
 * @param before what stands before each of their routes
 */
export function servePages(express: Express, before: readonly RequestHandler[]): void {
  const { resolve } = createRequire(import.meta.url);
  for (const page of PAGES) {
    const { path, assets, script } = page;
    const html = htmlOf(page);
    express.get(path, ...before, (_request, response) => {
      setHeaders(response, PAGE_HEADERS);
      response.type('html').send(html);
    });
    for (const asset of assets) {
      const file = resolve(asset);
      express.get(`${path}/${basename(file)}`, ...before, (_request, response) => {
        response.removeHeader('Cache-Control'); // that of data, which is not kept
        // By `root`: a whole path is refused where any folder above has a name with a dot in front.
        response.sendFile(basename(file), { root: dirname(file), maxAge: '1 day' });
      });
    }
    if (script === undefined) continue;
    express.get(`${path}/start.js`, ...before, (_request, response) => {
      response.type('js').send(script);
    });
  }
}

function htmlOf({ path, assets, body, script }: Page): string {
  const names = [...assets.map((asset) => basename(asset)), ...(script === undefined ? [] : ['start.js'])];
  const tags = names.map((name) =>
    name.endsWith('.css')
      ? `<link rel="stylesheet" href="${path}/${name}" />`
      : `<script src="${path}/${name}"></script>`,
  );
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Nestor API</title>
    <link rel="icon" href="data:," />
    <style>body { margin: 0 }</style>
  </head>
  <body>
    ${[body, ...tags].join('\n    ')}
  </body>
</html>
`;
}
