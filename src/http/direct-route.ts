import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { SetMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { type Express } from 'express';
import { RequestContext } from '../common/request-context.js';
import { DATA_HEADERS, setHeaders } from './security-headers.js';
import { SERVER_OPTIONS } from './server-limits.js';

const DIRECT = 'nestor:direct';

/**
 * Marks a POST route whose requests go from the HTTP server straight to Nest. Express gives each request and response
 * another prototype and walks its table of routes: a fifth of what one small prediction costs.
 *
 * Guards, pipes, interceptors and filters work as on any route, and see Node's own request and response, with
 * `params` and `route` as Express sets them. Whatever is not written exactly like the route's path (another case,
 * a query, a percent sign) takes the way through Express, to the same handler.
 */
export const DirectRoute = () => SetMetadata(DIRECT, true);

interface DirectRequest extends IncomingMessage {
  params?: Record<string, string>;
  route?: { path: string };
}

interface Route {
  path: string;
  pattern: RegExp;
  handle: (request: IncomingMessage, response: ServerResponse, next: () => void) => Promise<unknown>;
}

/** Express's adapter, with the direct routes in front of Express. */
export class DirectAdapter extends ExpressAdapter {
  private readonly routes: Route[] = [];
  /** Nest's own hook, which does nothing unless it is set. */
  private readonly ownLayers = this.layers().length;
  /** Whether a request goes on to its route; else it has been answered. */
  admits: (request: IncomingMessage, response: ServerResponse) => boolean = () => true;

  override initHttpServer(): void {
    const express = this.getInstance<Express>();
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      if (!this.admits(request, response)) return;
      if (request.method === 'POST' && this.takes(request, response)) return;
      setHeaders(response, DATA_HEADERS);
      setHeaders(response, RequestContext.of(request).corsHeaders ?? []);
      express(request, response);
    };
    this.httpServer = createServer(SERVER_OPTIONS, answer).on('checkExpectation', answer);
  }

  override post(...args: [path: unknown, handler?: unknown]): unknown {
    const [path, handler] = args;
    if (typeof path === 'string' && typeof handler === 'function' && isForDirect(handler) && this.isFirst()) {
      this.routes.push({ path, pattern: exactly(path), handle: handler as Route['handle'] });
    }
    return super.post(...(args as Parameters<ExpressAdapter['post']>));
  }

  /** Nest sets the status before each handler; Node's own response has no method for it. */
  override status(response: ServerResponse, code: number): ServerResponse {
    response.statusCode = code;
    return response;
  }

  private takes(request: DirectRequest, response: ServerResponse): boolean {
    for (const route of this.routes) {
      const match = route.pattern.exec(request.url as string);
      if (!match) continue;
      request.params = match.groups ?? NO_PARAMS;
      request.route = route;
      route.handle(request, response, pass).catch(() => response.destroy()); // a filter that failed
      return true;
    }
    return false;
  }

  /** A middleware that stands before a route must see its requests: Express then keeps it. */
  private isFirst(): boolean {
    return this.layers()
      .slice(this.ownLayers)
      .every(({ route }) => route);
  }

  private layers() {
    return this.getInstance<Express>().router.stack;
  }
}

/** Whether a request came by a direct route: Express has seen nothing of it. */
export function isDirect(request: IncomingMessage): boolean {
  return !('app' in request);
}

/** Nest copies what decorators say of a controller's method to the handler that it makes of it. */
function isForDirect(handler: object): boolean {
  return Reflect.getMetadata(DIRECT, handler) === true;
}

/** The path as a pattern; `:name` stands for characters that are the same when percent-decoded. */
function exactly(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[\\w.-]+)')}$`);
}

const NO_PARAMS = Object.freeze({});

function pass(): void {
  // No handler passes a request on.
}
