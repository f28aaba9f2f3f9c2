import { type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  ForbiddenException,
  type HttpException,
  Module,
  Param,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DirectAdapter, DirectRoute } from './direct-route.js';

@Controller()
class Echo {
  @Post(['echo', 'of/:name/echo'])
  @DirectRoute()
  direct(@Param('name') name: string | undefined, @Req() request: IncomingMessage, @Res() response: ServerResponse) {
    answer(request, response, name);
  }

  @Post('plain')
  plain(@Req() request: IncomingMessage, @Res() response: ServerResponse) {
    answer(request, response, undefined);
  }
}

function answer(request: IncomingMessage, response: ServerResponse, name: string | undefined) {
  const { headers, route } = request as IncomingMessage & { route?: { path: string } };
  if (headers['x-break'] !== undefined) throw new TypeError('broken');
  response.writeHead(200, { 'X-Express': String('app' in request) });
  response.end(JSON.stringify({ name, route: route?.path }));
}

const guard = {
  canActivate: (context: ArgumentsHost) =>
    context.switchToHttp().getRequest<IncomingMessage>().headers['x-forbidden'] === undefined,
};

@Catch()
class Filter implements ExceptionFilter {
  catch(error: HttpException, host: ArgumentsHost) {
    if (!(error instanceof ForbiddenException)) throw error;
    host.switchToHttp().getResponse<ServerResponse>().writeHead(418).end();
  }
}

@Module({
  controllers: [Echo],
  providers: [
    { provide: APP_GUARD, useValue: guard },
    { provide: APP_FILTER, useClass: Filter },
  ],
})
class App {}

describe('direct routes', () => {
  let app: NestExpressApplication | undefined;
  afterEach(() => app?.close());

  async function start(prepare?: (app: NestExpressApplication) => void) {
    app = await NestFactory.create<NestExpressApplication>(App, new DirectAdapter(), {
      logger: false,
      bodyParser: false,
    });
    prepare?.(app);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    return async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(url + path, { method: 'POST', headers });
      const text = await response.text();
      return { status: response.status, express: response.headers.get('x-express'), text };
    };
  }

  it('reach their handler without Express, with its name of the route and the parameters', async () => {
    const post = await start();
    expect(await post('/echo')).toEqual({ status: 200, express: 'false', text: '{"route":"/echo"}' });
    const text = '{"name":"a.B-1_","route":"/of/:name/echo"}';
    expect(await post('/of/a.B-1_/echo')).toEqual({ status: 200, express: 'false', text });
  });

  it.each([
    ['/echo?a=1', '{"route":"/echo"}'],
    ['/echo/', '{"route":"/echo"}'],
    ['/ECHO', '{"route":"/echo"}'],
    ['/of/a%2Fb/echo', '{"name":"a/b","route":"/of/:name/echo"}'],
    ['/plain', '{"route":"/plain"}'],
  ])('%s goes through Express', async (path, text) => {
    const post = await start();
    expect(await post(path)).toEqual({ status: 200, express: 'true', text });
  });

  it('are guarded and filtered as any other', async () => {
    const post = await start();
    for (const path of ['/echo', '/plain']) expect((await post(path, { 'x-forbidden': '1' })).status).toBe(418);
  });

  it('leave it to Express where a middleware stands before them', async () => {
    const seen: string[] = [];
    const post = await start((created) =>
      created.use(({ url = '' }: IncomingMessage, _: ServerResponse, next: () => void) => {
        seen.push(url);
        next();
      }),
    );
    expect((await post('/echo')).express).toBe('true');
    expect(seen).toEqual(['/echo']);
  });

  it('cut the connection where not even the filter has an answer, and nothing else', async () => {
    const post = await start();
    await expect(post('/echo', { 'x-break': '1' })).rejects.toThrow();
    expect((await post('/echo')).status).toBe(200);
  });
});
