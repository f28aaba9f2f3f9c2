import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { type OpenAPIObject } from '@nestjs/swagger';
import { type Scope, SCOPES } from '../src/common/principal.js';
import { AccessGuard } from '../src/security/auth/access.guard.js';
import { HEALTH_SERVICE, INFERENCE_SERVICE } from '../src/grpc/services.js';
import { GrpcClient } from './support/grpc-client.js';
import { KeyRing, showing } from './support/key-ring.js';
import { APPLICANT } from './support/rows.js';
import { type Answer, Service } from './support/service.js';

/** What each route of the service asks of its callers. A new one is missing here until somebody has decided that. */
const ROUTES: Record<string, Scope | 'public'> = {
  'POST /predict': 'predict',
  'POST /predict/batch': 'predict',
  'POST /predict/cached': 'predict',
  'POST /predict-with-preprocessing': 'predict',
  'GET /v1/models': 'read',
  'GET /v1/models/:model': 'read',
  'GET /v1/models/:model/versions/:version': 'read',
  'POST /v1/models/:model/predict': 'predict',
  'POST /v1/models/:model/versions/:version/predict': 'predict',
  'POST /v1/models/:model/predict/batch': 'predict',
  'POST /v1/models/:model/versions/:version/predict/batch': 'predict',
  'POST /v1/models/:model/versions/:version/load': 'admin',
  'POST /v1/models/:model/versions/:version/unload': 'admin',
  'PUT /v1/models/:model/default': 'admin',
  'DELETE /v1/models/:model/default': 'admin',
  'PUT /v1/models/:model/labels/:label': 'admin',
  'DELETE /v1/models/:model/labels/:label': 'admin',
  'GET /v1/events': 'read',
  'GET /v1/predictions/:request_id': 'admin',
  'GET /v1/models/:model/predictions': 'admin',
  'GET /v2': 'read',
  'GET /v2/health/live': 'public',
  'GET /v2/health/ready': 'public',
  'GET /v2/models/stats': 'read',
  'GET /v2/models/:model': 'read',
  'GET /v2/models/:model/ready': 'read',
  'GET /v2/models/:model/stats': 'read',
  'GET /v2/models/:model/versions/:version': 'read',
  'GET /v2/models/:model/versions/:version/ready': 'read',
  'GET /v2/models/:model/versions/:version/stats': 'read',
  'POST /v2/models/:model/infer': 'predict',
  'POST /v2/models/:model/versions/:version/infer': 'predict',
  'POST /v2/repository/index': 'read',
  // Before load: they are called one after the other.
  'POST /v2/repository/models/:model/unload': 'admin',
  'POST /v2/repository/models/:model/load': 'admin',
  'GET /health': 'public',
  'GET /health/live': 'public',
  'GET /health/ready': 'public',
  'GET /health/startup': 'public',
  'GET /metrics': 'read',
  'GET /openapi.json': 'read',
  'GET /openapi.yaml': 'read',
  'GET /docs': 'read',
  'GET /docs/start.js': 'read',
  'GET /docs/swagger-ui.css': 'read',
  'GET /docs/swagger-ui-bundle.js': 'read',
  'GET /redoc': 'read',
  'GET /redoc/redoc.standalone.js': 'read',
};

const CODES: Record<number, string> = { 401: 'unauthorized', 403: 'forbidden' };

/** Those of the running application, by Express's own table. */
function routesOf({ app }: Service): string[] {
  const { router } = app.getHttpAdapter().getInstance();
  return router.stack.flatMap(({ route }) => {
    const methods = (route as unknown as { methods?: Record<string, boolean> } | undefined)?.methods ?? {};
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${route?.path}`);
  });
}

/** Calls a route of the table, with a model that is there. */
function call(service: Service, route: string, headers: Record<string, string>, model = 'iris'): Promise<Answer> {
  const [method = '', path = ''] = route.split(' ');
  const real = path.replace(':model', model).replace(':version', '1.0.0').replace(':label', 'some');
  return service.call(method, real, { headers });
}

describe('AUTH=on', () => {
  let ring: KeyRing;
  let service: Service;
  const keys = {} as Record<Scope | 'all' | 'iris', string>;
  beforeAll(async () => {
    ring = await KeyRing.make();
    for (const scope of SCOPES) keys[scope] = await ring.add(`only-${scope}`, [scope]);
    keys.all = await ring.add('all', [...SCOPES]);
    keys.iris = await ring.add('iris-team', [...SCOPES], { models: ['iris'] });
    service = await Service.start(ring.environment);
  });
  afterAll(async () => {
    await service.stop();
    await ring.remove();
  });

  /** The Open Inference Protocol's own errors have no code. */
  const outcome = ({ status, json, headers }: Answer) =>
    `${status} ${String(json.code ?? CODES[status])} ${headers.get('WWW-Authenticate')}`;

  it('every route is in the table', () => {
    expect(routesOf(service).sort()).toEqual(Object.keys(ROUTES).sort());
  });

  it.each(Object.entries(ROUTES))('%s asks for %s', async (route, needed) => {
    const anybody = await call(service, route, {});
    if (needed === 'public') {
      expect(anybody.status).toBe(200);
      return;
    }
    expect(outcome(anybody)).toBe('401 unauthorized Bearer realm="nestor"');
    for (const scope of SCOPES) {
      const answer = await call(service, route, showing(keys[scope]));
      if (scope === needed) expect([401, 403]).not.toContain(answer.status);
      else expect(outcome(answer)).toBe(`403 forbidden Bearer realm="nestor", error="insufficient_scope", scope="${needed}"`); // prettier-ignore
    }
  });

  it('a route whose author said nothing needs admin', () => {
    class Silent {
      readonly read = () => 1;
    }
    const guard = service.app.get(AccessGuard);
    const admits = (key: string) => {
      const request = { headers: {}, rawHeaders: ['X-API-Key', key], socket: {} };
      return guard.canActivate(new ExecutionContextHost([request], Silent, new Silent().read));
    };
    expect(() => admits(keys.read)).toThrow('This needs the scope "admin"');
    expect(admits(keys.admin)).toBe(true);
  });

  it('what is not there is 404 and 405 for everybody: the list of routes is no secret', async () => {
    expect((await service.get('/nothing')).status).toBe(404);
    const { status, headers } = await service.call('DELETE', '/predict');
    expect([status, headers.get('Allow'), headers.get('WWW-Authenticate')]).toEqual([405, 'POST', null]);
    expect((await service.call('HEAD', '/v1/models')).status).toBe(401);
  });

  it('a predict key predicts, on direct routes and on those through Express', async () => {
    for (const path of ['/predict', '/predict?x', '/PREDICT', '/v1/models/credit-risk/predict']) {
      expect([path, (await service.post(path, APPLICANT, showing(keys.predict))).status]).toEqual([path, 200]);
      expect([path, (await service.post(path, APPLICANT)).status]).toEqual([path, 401]);
    }
  });

  describe('a key that is restricted to a model', () => {
    const restricted = () => showing(keys.iris);

    it('predicts with it and with no other, whether or not there is another', async () => {
      const row = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };
      expect((await service.post('/v1/models/iris/predict', row, restricted())).status).toBe(200);
      const refusals = new Set<string>();
      for (const path of [
        '/predict',
        '/predict/batch',
        '/v1/models/credit-risk/predict',
        '/v1/models/credit-risk/versions/1.0.0/predict/batch',
        '/v1/models/nobody-has-this/predict',
        '/v1/models/IRIS/predict',
        '/v1/models/..%2Firis/predict',
      ]) {
        const answer = await service.post(path, APPLICANT, restricted());
        expect([path, outcome(answer)]).toEqual([path, '403 forbidden Bearer realm="nestor", error="insufficient_scope"']); // prettier-ignore
        refusals.add(String(answer.json.detail));
      }
      expect([...refusals]).toEqual(['The caller is restricted to iris, and may use no other model.']);
    });

    it('sees nothing of others, on any route', async () => {
      await service.call('DELETE', '/v1/models/credit-risk/default', { headers: showing(keys.admin) });
      await service.call('POST', '/v1/models/digits/versions/1.0.0/load', { headers: showing(keys.admin) });
      const reads = Object.entries(ROUTES).flatMap(([route, needed]) => (needed === 'public' ? [] : [route]));
      const paths = [...reads, 'GET /v1/models/iris/versions/9', 'GET /v1/events?model=digits'];
      for (const route of paths) {
        for (const model of ['iris', 'digits', 'credit-risk']) {
          const answer = await call(service, route, restricted(), model);
          const told = ['digits', 'diabetes', 'credit-risk'].filter((name) => answer.text.includes(`/${name}`) || answer.text.includes(`:"${name}"`)); // prettier-ignore
          // Examples of the documentation's own are the same for everybody.
          if (!route.includes('openapi')) expect([route, model, told]).toEqual([route, model, []]);
          if (route.includes(':model') && model !== 'iris') expect([route, model, answer.status]).toEqual([route, model, 403]); // prettier-ignore
        }
      }
      expect((await service.call('GET', '/metrics', { headers: restricted() })).status).toBe(403);
    });

    it('is listed, documented and told what happened to its model alone', async () => {
      const read = async (path: string) => (await service.call('GET', path, { headers: restricted() })).json;
      expect((await read('/v1/models')).models).toMatchObject([{ name: 'iris' }]);
      const events = (await read('/v1/events')).events as { model: string }[];
      expect(new Set(events.map(({ model }) => model))).toEqual(new Set(['iris']));
      const { paths, components } = (await read('/openapi.json')) as OpenAPIObject;
      expect(Object.keys(paths).filter((path) => /credit-risk|digits|diabetes/.test(path))).toEqual([]);
      expect(Object.keys(paths)).toContain('/v1/models/iris/predict');
      expect(Object.keys(components?.schemas ?? {}).filter((name) => /^(credit-risk|digits)/.test(name))).toEqual([]);
    });

    it('administers that model and no other, and its name stands in the records', async () => {
      const put = (model: string) =>
        service.call('PUT', `/v1/models/${model}/default`, {
          body: '{"version": "1.0.0"}',
          headers: { ...restricted(), 'Content-Type': 'application/json' },
        });
      expect((await put('credit-risk')).status).toBe(403);
      const { status, json } = await put('iris');
      expect([status, json.decisions[0].who]).toEqual([200, 'iris-team']);
      const { json: history } = await service.call('GET', '/v1/events?kind=default', { headers: restricted() });
      expect(history.events[0]).toMatchObject({ model: 'iris', to: '1.0.0', who: 'iris-team' });
    });
  });

  it('admin calls need no loopback: their scope is what counts', async () => {
    const headers = { ...showing(keys.admin), Host: 'nestor.example.org', 'X-Forwarded-For': '203.0.113.1' };
    const { status } = await service.call('POST', '/v1/models/iris/versions/1.0.0/load', { headers });
    expect(status).toBe(200);
  });

  it('the document says what each operation asks, and what it answers without', async () => {
    const { json } = await service.call('GET', '/openapi.json', { headers: showing(keys.read) });
    const { paths, components } = json as OpenAPIObject;
    expect(Object.keys(components?.securitySchemes ?? {})).toEqual(['bearer', 'apiKey']);
    for (const [path, item] of Object.entries(paths)) {
      for (const [method, { security, responses }] of Object.entries(
        item as Record<string, { security?: object[]; responses: object }>,
      )) {
        // prettier-ignore
        const template = path.replace(/^\/v1\/models\/[^/]+/, '/v1/models/:model').replace(/^(\/v1.*\/versions)\/[^/]+/, '$1/:version').replaceAll(/\{(\w+)\}/g, ':$1'); // prettier-ignore
        const needed = ROUTES[`${method.toUpperCase()} ${template}`];
        expect(needed).toBeDefined();
        expect([path, security]).toEqual([path, needed === 'public' ? undefined : [{ bearer: [needed] }, { apiKey: [needed] }]]); // prettier-ignore
        if (needed !== 'public') expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403']));
      }
    }
    expect(JSON.stringify(json)).not.toContain('x-needs');
  });
});

describe('AUTH_PUBLIC', () => {
  it.each([
    ['probes', ['/health', '/health/live', '/health/ready', '/health/startup']],
    ['metrics', ['/metrics']],
    ['none', []],
    ['docs', ['/docs', '/docs/start.js', '/redoc', '/openapi.json', '/openapi.yaml']],
  ])('%s opens these and nothing else, whatever is shown', async (area, paths) => {
    const ring = await KeyRing.make();
    const service = await Service.start({ ...ring.environment, AUTH_PUBLIC: area });
    try {
      for (const path of ['/health', '/metrics', '/docs', '/openapi.json', '/v1/models', ...paths]) {
        const wanted = paths.includes(path) ? 200 : 401;
        expect([path, (await service.get(path)).status]).toEqual([path, wanted]);
        const guessed = await service.call('GET', path, { headers: showing(`nestor_${'0'.repeat(12)}_${'0'.repeat(48)}`) }); // prettier-ignore
        expect([path, guessed.status]).toEqual([path, wanted]);
      }
    } finally {
      await service.stop();
      await ring.remove();
    }
  });
});

describe('gRPC’s health service', () => {
  it('tells nobody without a key of models, and nobody of models that are not for him', async () => {
    const ring = await KeyRing.make();
    const all = await ring.add('all', ['read']);
    const one = await ring.add('one', ['read'], { models: ['iris'] });
    const service = await Service.start({ ...ring.environment, AUTH_PUBLIC: 'none' });
    const client = new GrpcClient(await service.openGrpc());
    const settings = (key?: string) => ({ service: HEALTH_SERVICE, ...(key && { metadata: { 'x-api-key': key } }) });
    const watch = (name: string, key?: string) =>
      new Promise((resolve) => {
        const stream = client.stream('Watch', { service: name }, settings(key));
        stream.on('data', ({ status }: { status: string }) => {
          resolve(status);
          stream.cancel();
        });
        stream.on('error', ({ code }: Error & { code?: number }) => {
          resolve(code);
        });
      });
    const check = async (name: string, key?: string) => {
      const { code, response } = await client.call('Check', { service: name }, settings(key));
      return code === 0 ? (response.status as unknown) : code;
    };
    const list = async (key: string) =>
      Object.keys((await client.call('List', {}, settings(key))).response.statuses as object);
    try {
      for (const ask of [check, watch]) {
        for (const name of ['', 'iris', 'nope']) expect([name, await ask(name)]).toEqual([name, 16]);
        expect([await ask('', all), await ask('credit-risk', all)]).toEqual(['SERVING', 'SERVING']);
        expect([await ask('', one), await ask('iris', one)]).toEqual(['SERVING', 'SERVING']);
        expect([await ask('credit-risk', one), await ask('nope', one)]).toEqual([7, 7]);
      }
      expect(await list(all)).toContain('credit-risk');
      expect(await list(one)).toEqual(['', INFERENCE_SERVICE, 'iris']);
    } finally {
      client.close();
      await service.stop();
      await ring.remove();
    }
  });
});

describe('AUTH=off', () => {
  it('nothing is asked, nothing is documented of it, and no guard is in the way', async () => {
    const service = await Service.start();
    try {
      for (const [route, needed] of Object.entries(ROUTES)) {
        const { status } = await call(service, route, {});
        expect([route, status === 401 || status === 403]).toEqual([route, false]);
        expect(['public', ...SCOPES]).toContain(needed);
      }
      const { text } = await service.get('/openapi.json');
      expect(text).not.toMatch(/x-needs|securitySchemes|"401"/);
    } finally {
      await service.stop();
    }
  });
});
